"""The folder watcher: whole files, once each, and the user's own folders untouched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from appliance.exchange import DropWatcher
from appliance.exchange.names import is_incomplete
from tests.exchange.kit import write_series
from tests.support.needs import needs
from tests.support.waiting import wait_until


def watcher_of(kit) -> DropWatcher:
    return DropWatcher(kit.importer, kit.folder, kit.settings)


def settle(watcher, kit) -> None:
    """Look until nothing is unsettled, as the thread would."""
    wait_until(lambda: not watcher.look_once(), "the watcher settled", every_s=0.05)
    kit.run()


def receipts(kit):
    with kit.catalog.read() as con:
        keys = con.execute("SELECT key FROM receipts ORDER BY id").fetchall()
    return [kit.importer.receipt(row["key"]) for row in keys]


def with_folder(path, mode="copy"):
    return {"watch.folders": [{"path": str(path), "project": "default", "mode": mode}]}


def test_a_drop_is_taken_whole_and_the_folder_emptied(kit, tmp_path):
    write_series(tmp_path / "new")
    shutil.move(tmp_path / "new", kit.folder.drop / "from the scanner")
    watcher = watcher_of(kit)
    assert watcher.look_once()
    settle(watcher, kit)
    (receipt,) = receipts(kit)
    assert (receipt.state, receipt.kind, receipt.n_done) == ("done", "drop", 4)
    watcher.look_once()
    assert list(kit.folder.drop.iterdir()) == []


def test_the_thread_takes_a_drop_by_itself(kit, tmp_path):
    watcher = watcher_of(kit)
    watcher.start()
    try:
        assert watcher.is_running()
        write_series(kit.folder.drop / "a")
        wait_until(lambda: receipts(kit), "a receipt")
    finally:
        watcher.stop()
    kit.run()
    assert receipts(kit)[0].n_done == 4


def test_a_file_still_growing_is_waited_for(kit, tmp_path):
    (path,) = write_series(tmp_path / "new", n=1)
    whole, target = path.read_bytes(), kit.folder.drop / "slow.dcm"
    watcher = watcher_of(kit)
    for end in range(100, len(whole), 100):
        target.write_bytes(whole[:end])
        watcher.look_once()
    assert receipts(kit) == []
    target.write_bytes(whole)
    settle(watcher, kit)
    assert [r.n_done for r in receipts(kit)] == [1]


@pytest.mark.parametrize("name", ["a.part", "b.tmp", "c~", "d.filepart", "e.crdownload", ".f"])
def test_unfinished_names_are_left_alone(kit, tmp_path, name):
    assert is_incomplete(name)
    (kit.folder.drop / name).write_bytes(b"x" * 500)
    settle(watcher_of(kit), kit)
    assert receipts(kit) == []
    assert (kit.folder.drop / name).exists()


def test_each_top_level_entry_is_an_arrival_of_its_own(kit, tmp_path):
    write_series(kit.folder.drop / "a", study_uid="1.2.3.1")
    write_series(kit.folder.drop / "b", study_uid="1.2.3.2")
    for path in write_series(tmp_path / "c", study_uid="1.2.3.3", n=2):
        shutil.move(path, kit.folder.drop)
    settle(watcher_of(kit), kit)
    assert sorted(r.n_files for r in receipts(kit)) == [2, 4, 4]


def test_a_users_folder_stays_as_it_is_and_nothing_is_taken_twice(make_kit, tmp_path):
    paths = write_series(tmp_path / "mine/s")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in paths}
    kit = make_kit(**with_folder(tmp_path / "mine"))
    settle(watcher_of(kit), kit)
    settle(watcher_of(kit), kit)
    assert [r.n_done for r in receipts(kit)] == [4]
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in paths} == before
    os.utime(paths[0], ns=(1, 1))
    watcher = watcher_of(kit)
    settle(watcher, kit)
    assert [r.n_duplicate for r in receipts(kit)] == [0, 1]


def test_the_same_drop_again_is_a_new_arrival(kit, tmp_path):
    write_series(tmp_path / "new")
    for _ in range(2):
        shutil.copytree(tmp_path / "new", kit.folder.drop / "same", dirs_exist_ok=True)
        settle(watcher_of(kit), kit)
    assert [(r.n_done, r.n_duplicate) for r in receipts(kit)] == [(4, 0), (0, 4)]


def test_links_are_not_moved_but_what_they_name_is_copied(kit, tmp_path):
    (path,) = write_series(tmp_path / "mine", n=1)
    (kit.folder.drop / "link.dcm").symlink_to(path)
    settle(watcher_of(kit), kit)
    assert receipts(kit)[0].n_done == 1
    assert path.exists()
    assert not kit.originals()[0].is_symlink()


def test_a_missing_folder_is_told_and_does_not_stop_the_others(make_kit, tmp_path):
    kit = make_kit(**with_folder(tmp_path / "absent"))
    write_series(kit.folder.drop / "a")
    watcher = watcher_of(kit)
    settle(watcher, kit)
    assert "No such file" in watcher.problems[str(tmp_path / "absent")]
    assert [r.n_done for r in receipts(kit)] == [4]
    (tmp_path / "absent").mkdir()
    watcher.look_once()
    assert not watcher.problems


UNREADABLE = """
import sys, time
from pathlib import Path
from appliance.exchange import DropWatcher
from tests.exchange.kit import Kit, write_series
root = Path(sys.argv[1])
kit = Kit(root / "data")
write_series(kit.folder.drop / "visit/open")
locked = kit.folder.drop / "visit/locked"
locked.mkdir()
locked.chmod(0)
watcher = DropWatcher(kit.importer, kit.folder, kit.settings)
for _ in range(2):
    while watcher.look_once():
        time.sleep(0.05)
    kit.run()
with kit.catalog.read() as con:
    keys = [row[0] for row in con.execute("SELECT key FROM receipts")]
for key in keys:
    receipt = kit.importer.receipt(key)
    print(receipt.state, receipt.n_done, [i.reason for i in receipt.items if i.state == "failed"])
locked.chmod(0o700)
kit.close()
"""


def test_an_unreadable_folder_is_on_the_receipt_once(tmp_path):
    prefix = []
    if os.geteuid() == 0:  # root may read everything, unless it gives that right up
        caps = "-dac_override,-dac_read_search"
        prefix = [needs("setpriv"), f"--bounding-set={caps}", f"--inh-caps={caps}"]
    done = subprocess.run(
        [*prefix, sys.executable, "-c", UNREADABLE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("partial 4 ")
    assert "Permission denied" in line
