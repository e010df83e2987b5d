"""Receipts as the API lists them, uploads as it streams them, and the converter's child."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import appliance.exchange.importer as importer_module
from appliance.core import Invalid, NotFound, StorageError
from appliance.exchange import get_receipt, list_receipts
from appliance.exchange.collect import walk_files
from appliance.exchange.dcm2niix import ConverterRefused, run_dcm2niix
from appliance.exchange.rows import Options
from appliance.jobs import Queue
from tests.exchange.kit import write_series
from tests.support.loops import run_alone
from tests.support.waiting import wait_until


def test_receipts_are_listed_newest_first_in_pages(kit, tmp_path):
    write_series(tmp_path / "a")
    keys = [kit.take_in(tmp_path / "a").key for _ in range(3)]
    with kit.catalog.read() as con:
        first = list_receipts(con, project="default", limit=2)
        rest = list_receipts(con, project="default", limit=2, after=first.next)
        assert [r.key for r in (*first.items, *rest.items)] == keys[::-1]
        assert (first.total, rest.next) == (3, None)
        assert list_receipts(con, state="done").total == 3
        assert list_receipts(con, state="failed,waiting").items == []
        assert list_receipts(con, project="other").items == []
        for wrong in ({"state": "odd"}, {"after": "x"}):
            with pytest.raises(Invalid):
                list_receipts(con, **wrong)
        with pytest.raises(NotFound):
            get_receipt(con, "nothing")


def test_nothing_is_taken_before_all_of_a_drop_is_written_down(kit, tmp_path, monkeypatch):
    paths = write_series(tmp_path / "drop" / "a", n=3)
    real = importer_module.announce

    def interrupted(ctx, receipt_id, files, **options):
        kit.run()  # the clock of the room comes by before, ...
        real(ctx, receipt_id, files[:1], **options)
        kit.run()  # ... in the middle, ...
        real(ctx, receipt_id, files, **options)

    monkeypatch.setattr(importer_module, "announce", interrupted)
    found = list(walk_files(tmp_path / "drop", lambda path, why: pytest.fail(why)))
    key = kit.importer.take("default", tmp_path / "drop", found, Options(move=True))
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.n_files, receipt.n_done) == ("done", 3, 3)
    assert not [path for path in paths if path.exists()]


def test_a_drop_that_cannot_be_written_down_leaves_no_receipt(kit, tmp_path, monkeypatch):
    paths = write_series(tmp_path / "drop" / "a", n=2)

    def full(*_args, **_options):
        raise StorageError("the disk is full")

    monkeypatch.setattr(importer_module, "announce", full)
    found = list(walk_files(tmp_path / "drop", lambda path, why: pytest.fail(why)))
    with pytest.raises(StorageError):
        kit.importer.take("default", tmp_path / "drop", found, Options(move=True))
    kit.run()
    with kit.catalog.read() as con:
        assert list_receipts(con).items == []
    assert all(path.exists() for path in paths)


def test_an_import_cut_off_before_it_began_says_so(kit, tmp_path):
    _, key = kit.importer.begin("cli", "default", "import")
    kit.importer.start()
    kit.importer.stop()
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.hint) == ("failed", "Give the command again.")


def test_every_change_of_a_receipt_is_an_event(kit, tmp_path):
    write_series(tmp_path / "a")
    heard = []
    kit.catalog.events.listen(heard.append)
    receipt = kit.take_in(tmp_path / "a")
    told = [e.data for e in heard if e.topic == "receipt.changed"]
    assert [t["state"] for t in (told[0], told[-1])] == ["receiving", "done"]
    assert {t["key"] for t in told} == {receipt.key}


def test_an_upload_is_streamed_and_acknowledged_when_durable(kit, tmp_path):
    (path,) = write_series(tmp_path / "a", n=1)

    async def pieces():
        data = path.read_bytes()
        for start in range(0, len(data), 100):
            yield data[start : start + 100]

    upload = kit.importer.begin_upload("default", "one.dcm")
    receipt = run_alone(upload.receive(pieces()))
    assert receipt.state == "pending"
    assert (kit.folder.incoming / receipt.key / "000001.dcm").read_bytes() == path.read_bytes()
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "done"


def test_an_upload_that_breaks_off_leaves_a_failed_receipt_and_no_file(kit):
    async def pieces():
        yield b"x" * 10
        raise ConnectionResetError

    upload = kit.importer.begin_upload("default", "one.zip")
    with pytest.raises(ConnectionResetError):
        run_alone(upload.receive(pieces()))
    receipt = kit.importer.receipt(upload.key)
    assert (receipt.state, receipt.reason) == ("failed", "the upload was cut off")
    assert not [p for p in kit.folder.incoming.rglob("*") if p.suffix in (".zip", ".part")]


def test_the_real_queue_brings_several_series_in(make_kit, tmp_path):
    queue = Queue(tmp_path / "queue.sqlite", workers=3)
    kit = make_kit(queue=queue)
    for number in range(1, 7):
        write_series(tmp_path / "in" / str(number), number=number)
    queue.start()
    kit.importer.start()
    try:
        key = kit.importer.import_path("default", tmp_path / "in").key
        wait_until(lambda: kit.importer.receipt(key).state == "done", "the import", within_s=60)
    finally:
        kit.importer.stop()
        queue.stop()
    assert len(kit.images()) == 6


def test_a_fault_of_ours_is_shown_and_can_be_retried(kit, tmp_path, monkeypatch):
    write_series(tmp_path / "a")
    key = kit.importer.import_path("default", tmp_path / "a").key
    with monkeypatch.context() as broken:
        broken.setattr("appliance.exchange.sort.sort_objects", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kit.run()
    assert kit.importer.receipt(key).state == "failed"
    kit.importer.retry(key)
    kit.run()
    assert kit.importer.receipt(key).state == "done"


def test_dcm2niix_is_stopped_when_it_takes_too_long(tmp_path, monkeypatch):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr("dcm2niix.bin", str(slow))
    began = time.monotonic()
    with pytest.raises(ConverterRefused, match="longer than"):
        run_dcm2niix(tmp_path, tmp_path, timeout_s=0.2)
    assert time.monotonic() - began < 50


def test_dcm2niix_that_dies_is_told(tmp_path, monkeypatch):
    dying = tmp_path / "dying"
    dying.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr("dcm2niix.bin", str(dying))
    (tmp_path / "out").mkdir()
    with pytest.raises(ConverterRefused, match="signal 11"):
        run_dcm2niix(tmp_path, tmp_path / "out")


def test_the_message_of_the_converter_holds_no_path(tmp_path):
    (tmp_path / "Doe").mkdir()
    (tmp_path / "out").mkdir()
    with pytest.raises(ConverterRefused) as caught:
        run_dcm2niix(tmp_path / "Doe", tmp_path / "out")
    assert "Doe" not in caught.value.message
    assert os.sep not in caught.value.message


def test_hashes_are_filled_in(kit, tmp_path):
    from appliance.core import sha256_file

    write_series(tmp_path / "a")
    kit.take_in(tmp_path / "a")
    with kit.catalog.read() as con:
        rows = con.execute("SELECT place, sha256 FROM receipt_items").fetchall()
    assert [r["sha256"] for r in rows] == [
        sha256_file(Path(kit.folder.root, r["place"])) for r in rows
    ]
