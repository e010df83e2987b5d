"""Backups: whole, proved, kept in number, and refused when anything is wrong with them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.catalog import Catalog
from appliance.core import Conflict, DataFolder, StorageError, UpkeepError, sha256_file
from appliance.upkeep import backup, finish_interrupted_restore, list_backups, restore
from appliance.upkeep.manifest import prove, read_manifest
from appliance.upkeep.swap import Swap
from tests.upkeep.conftest import count


@pytest.fixture
def saved(site):
    """A site whose catalog was closed after a backup with one file in it."""
    site.add("t1_3/s001.nii")
    site.folder.conf_path.write_text("[backup]\nkeep = 3\n")
    info = backup(site.folder)
    site.add("t1_3/s002.nii")
    site.catalog.close()
    return site.folder, Path(info.path)


def test_a_backup_holds_every_database_with_hash_and_counts(saved):
    folder, made = saved
    manifest = read_manifest(made)
    assert set(manifest.files) == {"catalog.sqlite", "identity.sqlite", "conf.d/50-ui.toml"}
    for name, stored in manifest.files.items():
        assert sha256_file(made / name) == stored.sha256
    assert manifest.files["catalog.sqlite"].rows["files"] == 1
    assert "catalog/m001_research_data" in manifest.files["catalog.sqlite"].migrations
    assert (made / "identity.sqlite").stat().st_mode & 0o077 == 0
    assert [info.name for info in list_backups(folder.backups)] == [made.name]


def test_a_backup_is_taken_while_the_catalog_is_written(site):
    site.add("t1_3/s001.nii")
    with site.catalog.read() as con:
        con.execute("SELECT * FROM files").fetchall()
        made = Path(backup(site.folder).path)
    prove(made, read_manifest(made))


def test_only_the_newest_backups_are_kept(site):
    names = [backup(site.folder, keep=2).name for _ in range(4)]
    kept = {info.name for info in list_backups(site.folder.backups)}
    assert kept == set(names[-2:])


def test_a_damaged_database_is_never_saved_over_good_backups(saved):
    folder, made = saved
    with folder.catalog_path.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xff" * 20000)
    with pytest.raises(UpkeepError):
        backup(folder, keep=1)
    assert [path.name for path in folder.backups.iterdir() if path.is_dir()] == [made.name]


def test_nothing_is_written_onto_an_unmounted_backup_disk(site):
    (site.folder.backups / ".nora-storage").unlink()
    with pytest.raises(StorageError, match="marker"):
        backup(site.folder)


def test_a_restore_brings_back_what_was_saved_and_keeps_what_was_there(saved):
    folder, made = saved
    folder.conf_path.write_text("[backup]\nkeep = 9\n")
    report = restore(made.name, folder)
    assert count(folder.catalog_path, "files") == 1
    assert folder.conf_path.read_text() == "[backup]\nkeep = 3\n"
    assert report.rows["files"] == 1
    point = Path(report.restore_point)
    assert count(point / "catalog.sqlite", "files") == 2
    assert (folder.projects / "p" / "S-0001" / "2024" / "t1_3" / "s002.nii").is_file()


def test_a_restore_works_when_the_present_database_is_broken(saved):
    folder, made = saved
    folder.catalog_path.write_bytes(b"no database at all")
    restore(made, folder)
    assert count(folder.catalog_path, "files") == 1


def test_a_restore_works_into_an_empty_folder(saved, tmp_path):
    other = DataFolder(tmp_path / "other")
    report = restore(saved[1], other)
    assert report.restore_point is None
    assert count(other.catalog_path, "files") == 1


@pytest.mark.parametrize("name", ["catalog.sqlite", "conf.d/50-ui.toml"])
def test_a_corrupted_backup_is_refused_and_nothing_changes(saved, name):
    folder, made = saved
    content = bytearray((made / name).read_bytes())
    content[len(content) // 2] ^= 1
    (made / name).write_bytes(content)
    with pytest.raises(UpkeepError, match="damaged"):
        restore(made, folder)
    assert count(folder.catalog_path, "files") == 2


def test_a_backup_of_a_newer_version_is_refused_by_name(saved):
    folder, made = saved
    with closing(sqlite3.connect(made / "catalog.sqlite")) as con, con:
        con.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('catalog', 'm999_future', '2099')"
        )
    edit(made, version="9.9.0", resum="catalog.sqlite")
    with pytest.raises(UpkeepError, match=r"newer version \(9\.9\.0\)") as caught:
        restore(made, folder)
    assert "9.9.0" in caught.value.hint
    assert count(folder.catalog_path, "files") == 2


def test_a_backup_of_an_older_version_is_migrated(tmp_path):
    old = DataFolder(tmp_path / "old")
    old.prepare()
    Catalog.open(old.catalog_path).close()
    made = backup(old)
    new = DataFolder(tmp_path / "new")
    report = restore(Path(made.path), new)
    assert any(name.startswith("exchange/") for name in report.migrated)
    assert count(new.catalog_path, "receipts") == 0


def test_a_manifest_of_a_newer_format_is_refused(saved):
    folder, made = saved
    edit(made, format=99)
    with pytest.raises(UpkeepError, match="newer version"):
        restore(made, folder)


def test_a_restore_that_fails_half_way_is_rolled_back(saved, monkeypatch):
    folder, made = saved
    before = sha256_file(folder.catalog_path)

    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("appliance.upkeep.restoring._bring_up_to_date", broken)
    with pytest.raises(UpkeepError, match="rolled back"):
        restore(made, folder)
    assert sha256_file(folder.catalog_path) == before
    assert not list(folder.backups.glob("restore-point-*"))
    assert finish_interrupted_restore(folder) is False


@pytest.mark.parametrize("after", ["leaving", "arriving", "undoing"])
def test_a_restore_cut_off_by_a_crash_is_undone_at_the_next_start(saved, monkeypatch, after):
    folder, made = saved
    before = sha256_file(folder.catalog_path)
    with monkeypatch.context() as patch:
        cut_off(patch, after)
        with pytest.raises(KeyboardInterrupt):
            begin_and_undo(folder, made)
    assert finish_interrupted_restore(folder) is True
    assert sha256_file(folder.catalog_path) == before
    assert finish_interrupted_restore(folder) is False


def test_a_restore_is_refused_while_a_service_runs(saved):
    folder, made = saved
    with folder.lock(), pytest.raises(Conflict):
        restore(made, folder)


def begin_and_undo(folder, made):
    swap = Swap.begin(folder)
    swap.bring(made, read_manifest(made).files)
    swap.undo()


def cut_off(patch, after):
    """Make the process vanish in the middle of a stage, with no chance to clean up."""
    from appliance.upkeep import swap

    moved = []
    real = swap._move

    def stop(*_):
        raise KeyboardInterrupt

    def one_then_stop(paths, root, target):
        first, *_rest = paths
        moved.append(first)
        real([first], root, target)
        patch.setattr(swap.Swap, "undo", lambda self: None)
        raise KeyboardInterrupt

    if after == "leaving":
        patch.setattr(swap, "_move", one_then_stop)
    elif after == "arriving":
        patch.setattr(swap.shutil, "copyfile", stop)
    else:
        begin = swap.Swap.begin.__func__

        def then_cut(cls, folder):
            made = begin(cls, folder)
            patch.setattr(swap, "_move", one_then_stop)
            return made

        patch.setattr(swap.Swap, "begin", classmethod(then_cut))


def edit(made, *, resum="", **changes):
    path = made / "manifest.json"
    manifest = json.loads(path.read_text()) | changes
    if resum:
        with closing(sqlite3.connect(made / resum)) as con:
            rows = con.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0]
        manifest["files"][resum]["sha256"] = sha256_file(made / resum)
        manifest["files"][resum]["rows"]["_sqlite_migrations"] = rows
    path.write_text(json.dumps(manifest))
