"""Headers read while files are taken are those that are read without it, in order, and once."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from appliance.exchange import read_ahead
from appliance.exchange.folder_scan import Found
from appliance.exchange.read_ahead import ReadAhead
from appliance.formats import DicomRecord, scan_dicom
from tests.exchange.kit import write_series
from tests.support.waiting import wait_until


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
    monkeypatch.setattr(read_ahead, "_MOST_BYTES", 2 * read_ahead._RECORD_BYTES)
    ahead = ReadAhead()
    ahead.read(paths)
    assert ahead.n_bytes == 0
    for path in paths:
        path.unlink()
    assert {found.reason for found in ahead.scan(paths)} == {"unreadable"}


def test_headers_read_while_files_settle_are_held_for_who_takes_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "_MANY", 1)
    monkeypatch.setattr(read_ahead, "_RACY_NS", -1)
    paths = write_series(tmp_path / "drop", n=4)
    note = tmp_path / "drop/note.txt"
    note.write_text("no DICOM")
    paths.append(note)
    ahead = ReadAhead()
    ahead.expect([Found(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in paths])
    wait_until(lambda: not ahead.reads, "the headers are read")
    with paths[0].open("r+b") as stream:  # the same size, and soon the same time
        stream.write(b"x")
    os.utime(paths[0], ns=(1, 1))
    moved = {}
    for path in paths:
        facts, target = path.stat(), tmp_path / path.name
        path.rename(target)
        moved[str(path)] = facts, target
    held = ahead.adopt(moved)
    assert held == {tmp_path / path.name for path in paths[1:4]}
    fresh = list(scan_dicom(sorted(held)))
    for path in held:
        path.unlink()
    assert list(ahead.scan(sorted(held))) == fresh
    assert {found.reason for found in ahead.scan(sorted(held))} == {"unreadable"}


def test_the_background_reads_no_more_headers_than_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "_MANY", 1)
    monkeypatch.setattr(read_ahead, "_RACY_NS", -1)
    monkeypatch.setattr(read_ahead, "_MOST", 2)
    paths = write_series(tmp_path / "drop", n=4)
    ahead = ReadAhead()
    ahead.expect([Found(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in paths])
    wait_until(lambda: not ahead.reads, "the headers are read")
    moved = {str(path): (path.stat(), path) for path in paths}
    assert ahead.adopt(moved) == set(paths[2:])


def test_what_is_held_stays_within_its_bytes_however_long_its_texts_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_ahead._RECORD_BYTES
    most, room = 12 * record, 2 * record
    monkeypatch.setattr(read_ahead, "_MANY", 1)
    monkeypatch.setattr(read_ahead, "_RACY_NS", -1)
    monkeypatch.setattr(read_ahead, "_MOST_BYTES", most)
    monkeypatch.setattr(read_ahead, "_ROOM_BYTES", room)
    short = write_series(tmp_path / "short", n=30)
    ahead = ReadAhead()
    ahead.expect([Found(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in short])
    wait_until(lambda: not ahead.reads, "the headers are read")
    assert most - room - 2 * record < ahead.n_bytes <= most - room
    known = ahead.series_of(map(str, short))
    n_known = len(known) - known.count(None)
    assert known == [known[0]] * n_known + [None] * (30 - n_known)  # those that are taken first
    assert 5 < n_known < 10
    long = write_series(tmp_path / "long", n=2, number=4)
    wordy = [msgspec.structs.replace(r, protocol="x" * 5 * record) for r in scan_dicom(long)]
    taken = {str(p): (p.stat(), tmp_path / p.name) for p in short[:n_known]}
    assert len(ahead.adopt(taken)) == n_known
    ahead.keep(wordy)
    assert ahead.n_bytes <= most
    held = list(ahead.scan([target for _, target in taken.values()]))
    assert {type(found) for found in held} == {DicomRecord}
    assert ahead.n_bytes == 0
    ahead.keep(wordy)
    assert record * 6 < ahead.n_bytes <= most
