"""Making very many taken files durable at once, and what falls back to one by one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from appliance.exchange import DropWatcher, collect, disk
from appliance.exchange.disk import claim, move_synced, sync_disk
from appliance.exchange.folder_scan import Found
from appliance.exchange.rows import Options
from tests.exchange.kit import Kit, write_series
from tests.support.waiting import wait_until


def test_a_kind_of_file_system_that_promises_nothing_is_not_synced_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_WHOLE", frozenset[str]())
    assert not sync_disk(tmp_path)


def test_before_the_kernel_told_of_errors_files_are_synced_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_TOLD_SINCE", (999, 0))
    assert not sync_disk(tmp_path)


def test_only_plain_files_that_can_be_read_are_moved_at_once(tmp_path: Path) -> None:
    plain, link = tmp_path / "plain", tmp_path / "link"
    plain.write_bytes(b"1234")
    link.symlink_to(plain)
    assert move_synced(str(link), str(tmp_path / "a")) is None
    assert move_synced(str(tmp_path), str(tmp_path.parent / "b")) is None
    assert move_synced(str(tmp_path / "gone"), str(tmp_path / "c")) is None
    facts = move_synced(str(plain), str(tmp_path / "d"))
    assert facts is not None
    assert facts.st_size == 4
    assert (tmp_path / "d").read_bytes() == b"1234"
    assert link.is_symlink()


def test_a_file_that_cannot_be_read_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "closed"
    source.write_bytes(b"1234")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert move_synced(str(source), str(tmp_path / "a")) is None
    claim(source, tmp_path / "copy", move=True)  # bytes are read, not only asked for
    assert (tmp_path / "copy").read_bytes() == b"1234"


@pytest.mark.parametrize("whole", [True, False])
def test_many_files_are_taken_alike_with_and_without_a_sync_of_the_disk(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    asked: list[Path] = []

    def sync(folder: Path) -> bool:
        asked.append(folder)
        sync_disk(folder)
        return whole

    monkeypatch.setattr(collect, "_MANY", 3)
    monkeypatch.setattr(collect, "sync_disk", sync)
    sent = sorted(path.read_bytes() for path in write_series(tmp_path / "new"))
    shutil.move(tmp_path / "new", kit.folder.drop / "new")
    watcher = DropWatcher(kit.importer, kit.folder, kit.settings)
    wait_until(lambda: not watcher.look_once(), "the watcher settled", every_s=0.05)
    kit.run()
    assert asked
    held = list(kit.folder.originals.rglob("*.dcm"))
    assert sorted(path.read_bytes() for path in held) == sent
    assert not [path for path in kit.folder.drop.rglob("*") if path.is_file()]


def test_a_name_that_is_taken_already_is_not_written_over(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash may have left a whole file in our folder that was not noted yet."""
    monkeypatch.setattr(collect, "_MANY", 1)
    paths = write_series(tmp_path / "new", n=3)
    sent = sorted(path.read_bytes() for path in paths)
    files = [Found(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(paths)]
    key = kit.importer.take("default", tmp_path, files, Options(move=True))
    with kit.catalog.read() as con:
        place = con.execute("SELECT place FROM receipt_items ORDER BY n").fetchone()[0]
    early = kit.folder.root / place
    early.parent.mkdir(parents=True)
    early.write_bytes(paths[0].read_bytes())
    paths[0].write_bytes(b"another file under the name of the first")
    kit.run()
    assert kit.importer.receipt(key).n_done == 3
    held = list(kit.folder.originals.rglob("*.dcm"))
    assert sorted(path.read_bytes() for path in held) == sent
