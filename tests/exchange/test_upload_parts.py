"""Uploads in parts: what was acknowledged is safe, the rest comes when it comes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from appliance.core import Conflict, DiskFull, Invalid, NotFound
from appliance.exchange import Options
from tests.exchange.crash_child import pieces, zip_of_series
from tests.support.loops import run_alone


@pytest.fixture
def data(tmp_path) -> bytes:
    return zip_of_series(tmp_path / "in")


def begun(kit, data, **more) -> str:
    return kit.importer.uploads.begin("default", "of Doe.zip", len(data), Options(), **more).key


def send(kit, key, offset, part, sha256=""):
    return run_alone(kit.importer.uploads.receive(key, offset, pieces(part), sha256))


def parts_on_disk(kit):
    return list(kit.folder.incoming.rglob("*.part"))


def test_parts_make_one_arrival(kit, data):
    key = begun(kit, data, sha256=hashlib.sha256(data).hexdigest())
    for start in range(0, len(data), 700):
        assert kit.importer.uploads.state(key).offset_bytes == start
        send(kit, key, start, data[start : start + 700])
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.n_done) == ("done", 3)
    assert kit.importer.uploads.state(key).offset_bytes == len(data)
    assert not parts_on_disk(kit)


def test_a_part_must_begin_where_the_last_one_ended(kit, data):
    key = begun(kit, data)
    send(kit, key, 0, data[:100])
    for offset in (0, 99, 101, len(data)):
        with pytest.raises(Conflict, match="begins at 100"):
            send(kit, key, offset, b"x")
    assert kit.importer.uploads.state(key).offset_bytes == 100


def test_what_came_of_a_part_that_broke_off_is_kept(kit, data):
    async def broken() -> AsyncIterator[bytes]:
        yield data[:500]
        raise ConnectionError

    key = begun(kit, data)
    with pytest.raises(ConnectionError):
        run_alone(kit.importer.uploads.receive(key, 0, broken()))
    assert kit.importer.uploads.state(key).offset_bytes == 500
    offset = kit.importer.uploads.state(key).offset_bytes
    send(kit, key, offset, data[offset:])
    kit.run()
    assert kit.importer.receipt(key).n_done == 3


def test_a_part_with_a_wrong_checksum_is_not_taken(kit, data):
    key = begun(kit, data)
    with pytest.raises(Invalid, match="checksum of the part"):
        send(kit, key, 0, data[:300], "0" * 64)
    assert kit.importer.uploads.state(key).offset_bytes == 0
    good = hashlib.sha256(data[:300]).hexdigest().upper()
    assert send(kit, key, 0, data[:300], good).offset_bytes == 300


def test_a_whole_with_a_wrong_checksum_fails_and_is_removed(kit, data):
    key = begun(kit, data, sha256="0" * 64)
    with pytest.raises(Invalid, match="checksum of the file"):
        send(kit, key, 0, data)
    receipt = kit.importer.receipt(key)
    assert (receipt.state, "checksum" in receipt.reason) == ("failed", True)
    assert not parts_on_disk(kit)


def test_more_than_announced_is_refused(kit, data):
    key = begun(kit, data)
    with pytest.raises(Invalid, match="beyond the size"):
        send(kit, key, 0, data + b"x")
    assert kit.importer.uploads.state(key).offset_bytes == 0


def test_two_parts_at_once_are_refused(kit, data):
    key = begun(kit, data)

    async def both() -> None:
        going = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield data[:10]
            await going.wait()
            yield data[10:20]

        first = asyncio.create_task(kit.importer.uploads.receive(key, 0, slow()))
        await asyncio.sleep(0)
        with pytest.raises(Conflict, match="another part"):
            await kit.importer.uploads.receive(key, 0, pieces(data[:10]))
        with pytest.raises(Conflict, match="another part"):
            kit.importer.uploads.give_up(key)
        going.set()
        assert (await first).offset_bytes == 20

    run_alone(both())


def test_an_upload_that_is_given_up_leaves_nothing(kit, data):
    key = begun(kit, data)
    send(kit, key, 0, data[:100])
    kit.importer.uploads.give_up(key)
    assert (kit.importer.receipt(key).state, parts_on_disk(kit)) == ("failed", [])
    with pytest.raises(NotFound):
        kit.importer.uploads.state(key)
    with pytest.raises(NotFound):
        send(kit, key, 100, data[100:])


def test_what_nobody_goes_on_with_is_forgotten_after_a_week(kit, data):
    old, new = begun(kit, data), begun(kit, data)
    kit.catalog.write(
        lambda tx: tx.con.execute(
            "UPDATE uploads SET updated_at = 1 WHERE receipt_id ="
            " (SELECT id FROM receipts WHERE key = ?)",
            (old,),
        )
    )
    kit.importer.uploads.recover()
    assert kit.importer.receipt(old).state == "failed"
    assert kit.importer.receipt(new).state == "receiving"
    assert len(parts_on_disk(kit)) == 1


def test_what_cannot_be_is_refused_before_a_byte_is_taken(kit):
    with pytest.raises(Invalid, match="empty"):
        kit.importer.uploads.begin("default", "a", 0, Options())
    with pytest.raises(Invalid, match="without its subject"):
        kit.importer.uploads.begin("default", "a", 1, Options(study="V1"))
    with pytest.raises(NotFound):
        kit.importer.uploads.begin("none", "a", 1, Options())
    with pytest.raises(DiskFull):
        kit.importer.uploads.begin("default", "a", kit.folder.free_bytes(), Options())
    with kit.catalog.read() as con:
        assert con.execute("SELECT count(*) FROM receipts").fetchone()[0] == 0
