"""Sidecars and rescan: the catalog can be made again from what lies on disk."""

from __future__ import annotations

import json

import pytest

from appliance.catalog import (
    Catalog,
    OperationQuery,
    StudyQuery,
    change_fields,
    change_policy,
    ensure_project,
    fields_of,
    get_file,
    get_project,
    list_operations,
    list_projects_in,
    list_studies,
    set_project_state,
    study_dir,
    study_files,
    tag,
    trash_files,
    trash_many,
    undo_all,
)
from appliance.core import StorageError
from appliance.upkeep import SidecarWriter, catalog_extensions, purge, rescan
from appliance.upkeep.project_notes import PROJECT_NOTE
from appliance.upkeep.sidecar import SIDECAR, read_sidecar
from tests.support.waiting import wait_until


def plain_nifti():
    """A tiny image as bytes."""
    import nibabel
    import numpy as np

    return nibabel.Nifti1Image(np.zeros((2, 3, 4), np.int16), np.eye(4)).to_bytes()


def reopened(site):
    """The same data folder with an empty catalog."""
    site.catalog.close()
    for path in site.folder.root.glob("catalog.sqlite*"):
        path.unlink()
    return Catalog.open(site.folder.catalog_path, migrations=catalog_extensions())


def everything(catalog):
    """All that a person sees of the one study, without ids."""
    with catalog.read() as con:
        [study] = list_studies(con, get_project(con, "p").id, StudyQuery()).items
        files = study_files(con, study.id)
    return (
        (study.psid, study.sex, study.date, study.description, study.tags, study.subject_tags),
        [(f.path, f.kind, f.size_bytes, f.mtime_ns, f.tags, f.origin, f.series) for f in files],
    )


def test_a_lost_catalog_comes_back_from_disk_with_tags_series_and_origins(site):
    site.add("t1_3/s001.nii", b"image", tags=["good"])
    site.add("META/report.json", json.dumps({"mask": {"volume": 3}}).encode())
    site.catalog.write(lambda tx: tag(tx, "study", [1], add=["checked"]))
    site.catalog.write(lambda tx: tag(tx, "subject", [1], add=["control"]))
    SidecarWriter(site.catalog, site.folder).catch_up()
    before = everything(site.catalog)
    catalog = reopened(site)
    try:
        report = rescan(catalog, site.folder)
        assert (report.n_studies, report.n_added, report.problems) == (1, 2, [])
        assert everything(catalog) == before
        with catalog.read() as con:
            assert con.execute("SELECT doc FROM meta").fetchone()[0] == '{"mask": {"volume": 3}}'
        assert rescan(catalog, site.folder).n_same == 2
    finally:
        catalog.close()


def test_without_sidecar_the_files_still_come_back_and_nodeinfo_tells_of_the_study(site):
    site.add("t1_3/s001.nii")
    root = study_dir(site.folder, "p", "S-0001", "2024")
    info = {"subject": {"sex": "F"}, "study": {"date": "2024-02-03", "description": "head"}}
    (root / "nodeinfo.json").write_text(json.dumps(info))
    catalog = reopened(site)
    try:
        assert rescan(catalog, site.folder).n_added == 2
        assert everything(catalog)[0] == ("S-0001#2024", "F", "2024-02-03", "head", [], [])
    finally:
        catalog.close()


def test_images_come_back_with_their_header(site):
    site.add("a.nii", plain_nifti())
    catalog = reopened(site)
    try:
        rescan(catalog, site.folder)
        with catalog.read() as con:
            assert study_files(con, 1)[0].header["shape"] == [2, 3, 4]
    finally:
        catalog.close()


def test_changed_and_missing_files_are_told_and_trashed_only_when_asked(site):
    site.add("a.nii")
    site.add("b.nii")
    root = study_dir(site.folder, "p", "S-0001", "2024")
    (root / "a.nii").write_bytes(b"longer")
    (root / "b.nii").unlink()
    report = rescan(site.catalog, site.folder)
    assert (report.n_changed, report.missing) == (1, ["p/S-0001/2024/b.nii"])
    with site.catalog.read() as con:
        assert [(f.path, f.size_bytes) for f in study_files(con, 1)] == [("a.nii", 6), ("b.nii", 1)]
    rescan(site.catalog, site.folder, prune=True)
    with site.catalog.read() as con:
        assert [f.path for f in study_files(con, 1)] == ["a.nii"]


def test_a_tag_taken_off_does_not_come_back_by_a_rescan(site):
    file_id = site.add("a.nii", tags=["wrong"])
    SidecarWriter(site.catalog, site.folder).catch_up()
    site.catalog.write(lambda tx: tag(tx, "file", [file_id], remove=["wrong"]))
    rescan(site.catalog, site.folder)
    with site.catalog.read() as con:
        assert study_files(con, 1)[0].tags == []


def test_nothing_is_concluded_from_an_unmounted_disk(site):
    site.add("a.nii")
    (site.folder.projects / ".nora-storage").unlink()
    with pytest.raises(StorageError, match="marker"):
        rescan(site.catalog, site.folder, prune=True)


def test_hidden_files_are_no_data(site):
    site.add("a.nii")
    SidecarWriter(site.catalog, site.folder).catch_up()
    assert rescan(site.catalog, site.folder).n_added == 0


def test_sidecars_follow_every_change_and_are_written_once(site):
    file_id = site.add("a.nii")
    writer = SidecarWriter(site.catalog, site.folder)
    assert writer.catch_up() == 1
    assert writer.catch_up() == 0
    site.catalog.write(lambda tx: tag(tx, "file", [file_id], add=["good"]))
    assert writer.catch_up() == 1
    root = study_dir(site.folder, "p", "S-0001", "2024")
    assert read_sidecar(root).files["a.nii"].tags == ["good"]
    site.catalog.write(lambda tx: trash_files(tx, [file_id], "me"))
    writer.catch_up()
    assert read_sidecar(root).files["a.nii"].trashed


def test_what_changed_before_a_crash_is_written_after_the_restart(site):
    site.add("a.nii")
    SidecarWriter(site.catalog, site.folder).catch_up()
    site.add("b.nii", pid="S-0002")
    again = SidecarWriter(site.catalog, site.folder)
    assert again.catch_up() == 1


def test_the_thread_writes_a_moment_after_the_change(site):
    writer = SidecarWriter(site.catalog, site.folder)
    writer.start()
    site.add("a.nii")
    path = study_dir(site.folder, "p", "S-0001", "2024") / SIDECAR
    wait_until(path.is_file, "a sidecar")
    site.add("c.nii", pid="S-0003")
    writer.stop()
    assert (study_dir(site.folder, "p", "S-0003", "2024") / SIDECAR).is_file()


def test_a_broken_sidecar_costs_its_tags_but_not_the_files(site):
    site.add("a.nii")
    root = study_dir(site.folder, "p", "S-0001", "2024")
    (root / SIDECAR).write_text("{")
    catalog = reopened(site)
    try:
        assert rescan(catalog, site.folder).n_added == 1
    finally:
        catalog.close()


def live_paths(catalog):
    """Which files are in use, by the code of their subject."""
    with catalog.read() as con:
        rows = con.execute(
            "SELECT u.pid, f.id FROM files f JOIN studies s ON s.id = f.study_id JOIN subjects u"
            " ON u.id = s.subject_id WHERE f.trashed_at IS NULL ORDER BY f.id"
        ).fetchall()
        return sorted((row["pid"], get_file(con, row["id"]).path) for row in rows)


def test_what_was_in_the_trash_does_not_come_back_by_a_rebuild_from_nothing(site):
    site.add("keep.nii")
    lost = site.add("t1_3/s001.nii", tags=["bad"])
    site.add("a.nii", pid="S-0002")
    site.add("b.nii", pid="S-0003")
    site.catalog.write(lambda tx: trash_files(tx, [lost], "me"))
    with site.catalog.read() as con:
        ids = dict(con.execute("SELECT pid, id FROM subjects").fetchall())
        third = con.execute(
            "SELECT id FROM studies WHERE subject_id = ?", (ids["S-0003"],)
        ).fetchone()[0]
    trash_many(site.catalog, subjects=[ids["S-0002"]], actor="me")
    trash_many(site.catalog, studies=[third], actor="me")
    before = live_paths(site.catalog)
    SidecarWriter(site.catalog, site.folder).catch_up()
    catalog = reopened(site)
    try:
        report = rescan(catalog, site.folder)
        assert (report.n_added, report.n_trashed) == (4, 3)
        assert live_paths(catalog) == before == [("S-0001", "keep.nii")]
        with catalog.read() as con:
            assert [s.pid for s in list_studies(con, 1, StudyQuery()).items] == ["S-0001"]
            [operation] = list_operations(con, OperationQuery(in_trash=True)).items
        assert operation.target["studies"] == 2
        assert rescan(catalog, site.folder).n_added == 0
        undo_all(catalog, operation.id, "me")
        assert len(live_paths(catalog)) == 4
        with catalog.read() as con:
            assert [f.tags for f in study_files(con, 1) if f.path.startswith("t1")] == [["bad"]]
    finally:
        catalog.close()


def test_a_file_that_comes_anew_after_the_sweep_is_not_taken_for_the_one_of_the_trash(site):
    lost = site.add("a.nii")
    done = site.catalog.write(lambda tx: trash_files(tx, [lost], "me"))
    writer = SidecarWriter(site.catalog, site.folder)
    writer.catch_up()
    purge(site.catalog, site.folder, done)
    writer.catch_up()
    (study_dir(site.folder, "p", "S-0001", "2024") / "a.nii").write_bytes(b"new")
    assert rescan(site.catalog, site.folder).n_trashed == 0
    assert live_paths(site.catalog) == [("S-0001", "a.nii")]


def test_a_project_comes_back_with_its_key_settings_fields_and_place(site):
    site.add("a.nii")
    policy = {"subject_code": "T{n}", "fields": [{"name": "arm"}]}
    site.catalog.write(lambda tx: change_policy(tx, "p", policy, actor="me"))
    site.catalog.write(lambda tx: change_fields(tx, "subject", 1, {"arm": "left"}))
    with site.catalog.read() as con:
        key = get_project(con, "p").key
    site.catalog.write(lambda tx: set_project_state(tx, "p", "trashed", actor="me"))
    SidecarWriter(site.catalog, site.folder).catch_up()
    catalog = reopened(site)
    try:
        assert rescan(catalog, site.folder).n_added == 1
        with catalog.read() as con:
            assert [name for name, _ in list_projects_in(con, "trashed")] == ["p"]
        catalog.write(lambda tx: set_project_state(tx, "p", "active", actor="me"))
        with catalog.read() as con:
            found = get_project(con, "p")
            assert (found.key, found.policy) == (key, policy)
            assert fields_of(con, "subject", [1]) == {1: {"arm": "left"}}
        assert live_paths(catalog) == [("S-0001", "a.nii")]
    finally:
        catalog.close()


def test_the_note_of_a_lost_project_is_not_written_over_by_another_of_its_name(site):
    site.add("a.nii")
    SidecarWriter(site.catalog, site.folder).catch_up()
    note = site.folder.projects / "p" / PROJECT_NOTE
    before = note.read_bytes()
    catalog = reopened(site)
    try:
        catalog.write(lambda tx: ensure_project(tx, "p"))
        SidecarWriter(catalog, site.folder).catch_up()
        assert note.read_bytes() == before
    finally:
        catalog.close()
