"""The browser and the service read and measure markers alike: vectors shared with the web UI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.core import FormatError
from appliance.formats import check_sets, parse_markers
from appliance.viewing import marker_statistics

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "markers" / "vectors.json").read_text()
)


def same(found: Any, wanted: Any, key: str = "") -> None:
    """Compare numbers to a millionth; directions of axes have no sign."""
    if key == "direction":
        product = sum(a * b for a, b in zip(found, wanted, strict=True))
        assert abs(product) == pytest.approx(1, abs=1e-6)
    elif isinstance(wanted, dict):
        assert set(found) == set(wanted)
        for name, one in wanted.items():
            same(found[name], one, name)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other, key)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-6)
    else:
        assert found == wanted


@pytest.mark.parametrize("one", VECTORS["measured"], ids=lambda one: one["set"]["name"])
def test_numbers_are_those_that_the_browser_shows(one: dict) -> None:
    (checked,) = check_sets([one["set"]])
    same(marker_statistics(checked), one["numbers"])


@pytest.mark.parametrize("one", VECTORS["files"], ids=lambda one: one["name"])
def test_files_are_read_as_the_browser_reads_them(one: dict) -> None:
    raw = one["text"].encode()
    if "sets" not in one:
        with pytest.raises(FormatError):
            parse_markers(one["name"], raw)
        return
    found = parse_markers(one["name"], raw)
    same(found.sets, one["sets"])
    assert len(found.notes) == one["notes"]
