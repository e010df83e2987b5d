"""Headers read while files are taken are those that are read without it, in order, and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.exchange import read_ahead
from appliance.exchange.read_ahead import ReadAhead
from appliance.formats import scan_dicom
from tests.exchange.kit import write_series


def test_what_was_read_ahead_is_what_a_scan_gives(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "in", n=4)
    (tmp_path / "note.txt").write_text("no DICOM")
    paths = [*paths[:2], tmp_path / "note.txt", *paths[2:]]
    ahead = ReadAhead()
    ahead.read(paths[1:4])
    assert list(ahead.scan(paths)) == list(scan_dicom(paths))
    for path in paths:
        path.unlink()
    assert {found.reason for found in ahead.scan(paths)} == {"unreadable"}  # nothing is held


def test_very_many_headers_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_series(tmp_path / "in", n=3)
    monkeypatch.setattr(read_ahead, "_MOST", 2)
    ahead = ReadAhead()
    ahead.read(paths)
    for path in paths:
        path.unlink()
    assert {found.reason for found in ahead.scan(paths)} == {"unreadable"}
