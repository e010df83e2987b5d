"""Libraries are loaded without what they would load besides."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from appliance.core import without

STARTED = """
import sys
from pathlib import Path
from appliance.catalog import Database
from appliance.exchange import DicomListener
from appliance.core import without
with without("requests"):
    import pynetdicom
print(sorted({"pandas", "requests"} & set(sys.modules)))
import pandas
print(pandas.DataFrame.__name__)
"""


def test_a_hidden_package_cannot_be_imported_and_is_back_afterwards() -> None:
    sys.modules.pop("this", None)
    with without("this"), pytest.raises(ImportError):
        importlib.import_module("this")
    assert "this" not in sys.modules


def test_a_package_that_is_loaded_stays_as_it_is() -> None:
    with without("json"):
        assert importlib.import_module("json") is sys.modules["json"]


def test_the_service_loads_neither_pandas_nor_requests_though_both_are_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines() == ["[]", "DataFrame"]
