"""The sweep: what leaves the disk, when, and what never does."""

from __future__ import annotations

import os
import time

import pytest

from appliance import catalog
from appliance.catalog import OperationQuery, list_operations, trash_many, undo_all
from appliance.core import Conflict, DataFolder, StorageError
from appliance.upkeep import project_fates, purge, rescan, sweep_projects, sweep_trash


@pytest.fixture
def place(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    opened = catalog.Catalog.open(folder.catalog_path)
    outside = tmp_path / "elsewhere.nii"
    outside.write_bytes(b"theirs")

    def fill(tx):
        project = catalog.ensure_project(tx, "default")
        subject = catalog.ensure_subject(tx, project.id, "S-1")
        for sid in ("1", "2"):
            study = catalog.ensure_study(tx, subject, sid)
            for name in ("t1/a.nii", "b.json"):
                catalog.add_file(tx, study, name, size_bytes=1, mtime_ns=1, kind="image")

    opened.write(fill)
    root = folder.projects / "default" / "S-1"
    for sid in ("1", "2"):
        (root / sid / "t1").mkdir(parents=True)
        (root / sid / "t1/a.nii").write_bytes(b"x")
        (root / sid / "b.json").write_bytes(b"{}")
    yield opened, folder, root
    opened.close()


def age(opened, days):
    def older(tx):
        tx.con.execute("UPDATE operations SET at = at - ?", (days * 86_400_000,))

    opened.write(older)


def test_bytes_stay_where_they_are_until_the_sweep(place):
    opened, folder, root = place
    done = trash_many(opened, studies=[1], actor="owner")
    assert sweep_trash(opened, folder, 30) == 0
    assert (root / "1/t1/a.nii").is_file()
    undo_all(opened, done.operation_id, "owner")
    assert sweep_trash(opened, folder, 30) == 0


def test_the_sweep_takes_what_is_old_by_way_of_the_trash_folder(place):
    opened, folder, root = place
    done = trash_many(opened, studies=[1], files=[3], actor="owner")
    age(opened, 31)
    assert sweep_trash(opened, folder, 30) == 1
    staged = folder.trash / str(done.operation_id) / "default/S-1"
    assert (staged / "1/t1/a.nii").read_bytes() == b"x"
    assert (staged / "2/t1/a.nii").is_file()
    assert not (root / "1").exists()
    assert (root / "2/b.json").is_file()
    with opened.read() as con:
        assert con.execute("SELECT count(*) FROM files").fetchone()[0] == 1
        assert list_operations(con, OperationQuery(in_trash=True)).items == []
    with pytest.raises(Conflict, match="for good"):
        undo_all(opened, done.operation_id, "owner")
    week_ago = time.time() - 8 * 86_400
    os.utime(folder.trash / str(done.operation_id), (week_ago, week_ago))
    sweep_trash(opened, folder, 30)
    assert list(folder.trash.iterdir()) == []


def test_zero_days_keeps_everything(place):
    opened, folder, root = place
    trash_many(opened, studies=[1], actor="owner")
    age(opened, 10_000)
    assert sweep_trash(opened, folder, 0) == 0
    assert (root / "1/t1/a.nii").is_file()


def test_purging_frees_the_disk_at_once(place):
    opened, folder, root = place
    done = trash_many(opened, subjects=[1], actor="owner")
    freed = purge(opened, folder, done.operation_id)
    assert (freed.n_files, freed.size_bytes) == (4, 6)
    assert not root.exists()
    assert list(folder.trash.iterdir()) == []


def test_a_link_of_existing_data_goes_and_what_it_leads_to_stays(place, tmp_path):
    opened, folder, root = place
    (root / "1/b.json").unlink()
    (root / "1/b.json").symlink_to(tmp_path / "elsewhere.nii")
    done = trash_many(opened, files=[2], actor="owner")
    purge(opened, folder, done.operation_id)
    assert not (root / "1/b.json").is_symlink()
    assert (tmp_path / "elsewhere.nii").read_bytes() == b"theirs"


def test_what_came_back_by_another_way_is_not_swept(place):
    opened, folder, root = place
    trash_many(opened, files=[1], actor="owner")

    def arrive(tx):
        catalog.add_file(tx, 1, "t1/a.nii", size_bytes=9, mtime_ns=9, kind="image")

    opened.write(arrive)
    age(opened, 31)
    sweep_trash(opened, folder, 30)
    assert (root / "1/t1/a.nii").is_file()
    with opened.read() as con:
        assert catalog.get_file(con, 1).size_bytes == 9


def test_a_sweep_that_was_cut_short_goes_on(place):
    opened, folder, root = place
    done = trash_many(opened, studies=[1], actor="owner")
    age(opened, 31)
    opened.write(lambda tx: catalog.mark_purged(tx, done.operation_id))
    sweep_trash(opened, folder, 30)
    assert not (root / "1").exists()
    with opened.read() as con:
        assert con.execute("SELECT count(*) FROM files").fetchone()[0] == 2


def test_an_unmounted_disk_stops_the_sweep(place):
    opened, folder, _root = place
    done = trash_many(opened, studies=[1], actor="owner")
    (folder.projects / ".nora-storage").unlink()
    with pytest.raises(StorageError):
        purge(opened, folder, done.operation_id)
    undo_all(opened, done.operation_id, "owner")


def test_a_rescan_leaves_the_trash_alone(place):
    opened, folder, _root = place
    trash_many(opened, studies=[1], files=[3], actor="owner")
    report = rescan(opened, folder)
    assert report.n_added == 0
    with opened.read() as con:
        alive = con.execute("SELECT id FROM files WHERE trashed_at IS NULL").fetchall()
    assert [row[0] for row in alive] == [4]


def put_away(opened, state="trashed"):
    return opened.write(lambda tx: catalog.set_project_state(tx, "default", state, actor="owner"))


def test_a_project_in_the_trash_is_swept_like_its_files(place):
    opened, folder, _root = place
    (folder.originals / "kept.dcm").write_bytes(b"theirs")
    done = put_away(opened)
    age(opened, 29)
    assert sweep_projects(opened, folder, 30) == 0
    [fate] = project_fates(opened, 30)
    assert (fate.name, fate.n_files, fate.final_at - fate.trashed_at) == (
        "default",
        4,
        30 * 86_400_000,
    )
    assert "4 files" in fate.fate
    assert "originals" in fate.fate
    age(opened, 2)
    assert sweep_projects(opened, folder, 0) == 0
    assert sweep_projects(opened, folder, 30) == 1
    assert not (folder.projects / "default").exists()
    assert (folder.trash / str(done) / "default/S-1/1/t1/a.nii").read_bytes() == b"x"
    assert (folder.originals / "kept.dcm").read_bytes() == b"theirs"
    assert project_fates(opened, 30) == []
    with pytest.raises(Conflict, match="for good"):
        undo_all(opened, done, "owner")
    with opened.read() as con:
        assert con.execute("SELECT count(*) FROM files").fetchone()[0] == 0
        key = con.execute("SELECT key FROM projects").fetchone()[0]
    made = opened.write(lambda tx: catalog.create_project(tx, "default", "mri"))
    assert (made.key, made.module, made.state) == (key, "mri", "active")
    with opened.read() as con:
        assert catalog.list_subjects(con, made.id, catalog.SubjectQuery()).items == []
    assert sweep_projects(opened, folder, 30) == 0


def test_a_sweep_of_a_project_that_was_cut_short_goes_on(place):
    opened, folder, root = place
    put_away(opened)
    with opened.read() as con:
        [project] = catalog.trashed_projects(con)
    opened.write(lambda tx: catalog.mark_project_purged(tx, project))
    assert sweep_projects(opened, folder, 30) == 1
    assert not root.exists()
    with opened.read() as con:
        assert con.execute("SELECT count(*) FROM files").fetchone()[0] == 0
    assert sweep_projects(opened, folder, 30) == 0


def test_a_project_that_was_put_back_is_not_swept(place):
    opened, folder, root = place
    done = put_away(opened)
    undo_all(opened, done, "owner")
    age(opened, 99)
    assert sweep_projects(opened, folder, 30) == 0
    assert (root / "1/t1/a.nii").is_file()


def test_a_project_that_never_leaves_the_trash_says_so(place):
    opened, _folder, _root = place
    put_away(opened)
    [fate] = project_fates(opened, 0)
    assert fate.final_at is None
    assert "stays in the trash" in fate.fate
