"""Libraries are loaded without what they would load besides."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from appliance.core import without
from tests.support.service import Service

# Each of them costs a start tenths of a second up to seconds, and is needed later or never.
HEAVY = {
    "SimpleITK", "av", "dipy", "duckdb", "highdicom", "llvmlite", "nibabel", "numba", "onnxruntime",
    "pandas", "requests", "scipy", "tifffile", "torch", "zarr",
}  # fmt: skip
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


def test_the_service_answers_before_anything_heavy_is_loaded(
    start_service: Callable[..., Service],
) -> None:
    service = start_service(extra_env={"PYTHONPROFILEIMPORTTIME": "1"})
    service.stop()
    told = service.log_path.read_text("utf-8", "replace")
    loaded = set(re.findall(r"^import time:.*\| +(\w+)$", told, re.MULTILINE))
    assert {"litestar", "numpy"} <= loaded
    assert not loaded & HEAVY
