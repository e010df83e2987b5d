"""PROJ-25: projects from data that exist, by a pattern or from BIDS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.catalog import (
    absolute_path,
    change_policy,
    fields_of,
    get_project,
    list_sources,
    path_sql,
    set_project_state,
    trash_files,
    undo,
)
from appliance.core import Conflict, Invalid, NotFound
from appliance.exchange.existing_plan import ExistingOptions
from appliance.exchange.layouts import PatternLayout, Place, compile_layout
from tests.exchange.kit import Kit
from tests.exchange.trees import bids_dataset, write_image, write_json

BIDS = ExistingOptions(layout="bids")


def read(kit: Kit, root: Path, options=None, project: str = "default"):
    options = options or ExistingOptions()
    key = kit.importer.existing.begin(project, root, options, actor="owner").key
    kit.run()
    return kit.importer.receipt(key)


def tree(root: Path) -> Path:
    for subject in ("anna", "ben"):
        for day in ("2024-01-01", "2024-06-01"):
            write_image(root / subject / day / "t1" / "t1.nii")
            write_json(root / subject / day / "stats.json", {"volume": 3})
    return root


def snapshot(root: Path):
    return {
        str(p.relative_to(root)): (p.lstat().st_mtime_ns, p.stat().st_size, p.is_symlink())
        for p in sorted(root.rglob("*"))
    }


def meta_of(kit: Kit, path: str):
    with kit.catalog.read() as con:
        row = con.execute(
            "SELECT m.doc FROM meta m JOIN files f ON f.id = m.file_id"  # noqa: S608
            " JOIN paths p ON p.id = f.path_id JOIN studies s ON s.id = f.study_id"
            f" JOIN subjects u ON u.id = s.subject_id WHERE {path_sql()} = ?",
            (path,),
        ).fetchone()
    import json

    return None if row is None else json.loads(row[0])


@pytest.mark.parametrize("mode", ["stay", "link", "copy"])
def test_PROJ_25_a_tree_comes_in_and_its_folder_stays_as_it_was(kit, tmp_path, mode):
    root = tree(tmp_path / "old")
    before = snapshot(root)
    receipt = read(kit, root, ExistingOptions(mode=mode))
    assert (receipt.state, receipt.kind, receipt.n_files, receipt.n_done) == (
        "done",
        "existing",
        8,
        8,
    )
    files = kit.files()
    assert set(files) == {
        f"{s}#{d}/{name}"
        for s in ("anna", "ben")
        for d in ("2024-01-01", "2024-06-01")
        for name in ("t1/t1.nii", "stats.json")
    }
    row = files["anna#2024-01-01/t1/t1.nii"]
    assert row.header["shape"] == [4, 5, 6]
    path = absolute_path(kit.folder, "default", row)
    source = root / "anna" / "2024-01-01" / "t1" / "t1.nii"
    assert path.read_bytes() == source.read_bytes()
    assert path.is_symlink() == (mode == "stay")
    assert path.samefile(source) == (mode != "copy")
    assert snapshot(root) == before
    assert meta_of(kit, "stats.json") == {"volume": 3}


def test_a_second_reading_takes_what_is_new_and_what_changed(kit, tmp_path):
    root = tree(tmp_path / "old")
    read(kit, root)
    write_image(root / "carl" / "2024-01-01" / "t1.nii")
    write_image(root / "anna" / "2024-01-01" / "t1" / "t1.nii", (7, 5, 6))
    with kit.catalog.read() as con:
        [source] = list_sources(con)
    key = kit.importer.existing.update(source.key).key
    kit.run()
    receipt = kit.importer.receipt(key)
    assert (receipt.state, receipt.n_done, receipt.n_duplicate) == ("done", 2, 7)
    assert kit.files()["anna#2024-01-01/t1/t1.nii"].header["shape"] == [7, 5, 6]
    assert len(kit.files()) == 9


def test_what_is_gone_goes_to_the_trash_and_can_be_undone(kit, tmp_path):
    root = tree(tmp_path / "old")
    read(kit, root)
    gone = root / "anna" / "2024-01-01" / "stats.json"
    kept = gone.rename(tmp_path / "aside.json")
    read(kit, root)
    assert len(kit.files()) == 7
    kept.rename(gone)
    with kit.catalog.read() as con:
        op = con.execute("SELECT max(id) FROM operations WHERE verb = 'trash'").fetchone()[0]
    kit.catalog.write(lambda tx: undo(tx, op, "owner"))
    assert len(kit.files()) == 8


def test_what_somebody_threw_away_stays_away(kit, tmp_path):
    root = tree(tmp_path / "old")
    read(kit, root)
    file = kit.files()["ben#2024-01-01/stats.json"]
    kit.catalog.write(lambda tx: trash_files(tx, [file.id], "owner"))
    assert read(kit, root).n_duplicate == 8
    assert len(kit.files()) == 7


def test_subjects_can_get_new_codes_and_no_path_tells_the_old_name(kit, tmp_path):
    root = tmp_path / "old"
    write_image(root / "Miller" / "x" / "Miller_t1.nii")
    receipt = read(kit, root, ExistingOptions(subjects="codes", mode="copy"))
    [name] = kit.files()
    assert receipt.state == "done"
    assert name == "S-0001#x/S-0001_t1.nii"
    with kit.catalog.read() as con:
        project = get_project(con, "default")
    assert kit.identities.reveal(project.key, "S-0001").patient_id == "Miller"
    assert not list(kit.folder.projects.rglob("*Miller*"))
    read(kit, root, ExistingOptions(subjects="codes", mode="copy"))
    assert len(kit.files()) == 1


def test_a_preview_tells_all_and_changes_nothing(kit, tmp_path):
    root = tree(tmp_path / "old")
    (root / "note.txt").write_text("left over", encoding="utf-8")
    write_image(root / "anna" / "2024-01-01" / ".hidden" / "x.nii")
    found = kit.importer.existing.preview(root, ExistingOptions())
    assert (found.n_files, found.n_subjects, found.n_studies) == (8, 2, 4)
    assert found.kinds == {"image": 4, "json": 4}
    assert [p.path for p in found.problems] == ["note.txt"]
    assert found.rows[0].psid == "anna#2024-01-01"
    assert kit.files() == {}
    assert list(kit.folder.projects.glob("default/*")) == []


def test_a_preview_finds_two_files_for_one_place(kit, tmp_path):
    for day in ("1", "2"):
        write_image(tmp_path / "old" / "anna" / day / "t1.nii")
    found = kit.importer.existing.preview(
        tmp_path / "old", ExistingOptions(pattern="{subject}/*/{file}")
    )
    assert (found.n_files, found.n_problems) == (1, 1)
    assert found.problems[0].reason == "another file has this place"


def test_what_cannot_be_taken_is_told_and_the_rest_comes_in(kit, tmp_path):
    root = tree(tmp_path / "old")
    (root / "anna" / "2024-01-01" / "broken.nii").write_bytes(b"nonsense")
    (root / "anna" / "2024-01-01" / "lost.nii").symlink_to(tmp_path / "nowhere")
    outside = write_image(tmp_path / "elsewhere.nii")
    (root / "anna" / "2024-01-01" / "out.nii").symlink_to(outside)
    (root / "ben" / "2024-01-01" / "bad\\name.txt").write_text("x", encoding="utf-8")
    receipt = read(kit, root)
    assert receipt.state == "partial"
    assert sorted(item.reason.split(":")[0] for item in receipt.items) == [
        "damaged",
        "it is a link that leads out of the folder",
        "it is a link to nothing",
        "its name holds a backslash",
    ]
    names = kit.importer.original_names(receipt.key, actor="owner")
    assert any(name.endswith("lost.nii") for name in names.values())
    (root / "anna" / "2024-01-01" / "lost.nii").unlink()
    (root / "anna" / "2024-01-01" / "out.nii").unlink()
    (root / "ben" / "2024-01-01" / "bad\\name.txt").unlink()
    write_image(root / "anna" / "2024-01-01" / "broken.nii")
    kit.importer.retry(receipt.key)
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "done"


def test_odd_names_come_in_as_they_are(kit, tmp_path):
    root = tmp_path / "old"
    names = ["a b.txt", 'quo"te.txt', "ünïcode ☃.txt", "-rf.txt", "x" * 251 + ".txt", "%_*.txt"]
    for name in names:
        (root / "s1" / "v1").mkdir(parents=True, exist_ok=True)
        (root / "s1" / "v1" / name).write_text(name, encoding="utf-8")
    assert read(kit, root, ExistingOptions(mode="copy")).state == "done"
    assert set(kit.files()) == {f"s1#v1/{name}" for name in names}


def test_a_name_that_is_not_utf8_is_told(kit, tmp_path):
    root = tree(tmp_path / "old")
    Path(os.fsdecode(os.fsencode(root / "anna" / "2024-01-01") + b"/\xff\xfe.txt")).write_text("x")
    receipt = read(kit, root)
    assert [item.reason for item in receipt.items] == ["its name is not written in UTF-8"]


def test_a_link_leads_only_into_the_folder_of_its_project(kit, tmp_path):
    root = tree(tmp_path / "old")
    read(kit, root)
    row = kit.files()["anna#2024-01-01/t1/t1.nii"]
    link = kit.folder.projects / "default" / "anna" / "2024-01-01" / "t1" / "t1.nii"
    for target in (kit.folder.identity_path, Path("/etc/hostname")):
        link.unlink()
        link.symlink_to(target)
        with pytest.raises(Invalid):
            absolute_path(kit.folder, "default", row)


def test_folders_that_cannot_be_taken_are_refused(kit, tmp_path):
    existing = kit.importer.existing
    with pytest.raises(NotFound):
        existing.preview(tmp_path / "none", ExistingOptions())
    with pytest.raises(Invalid, match="whole path"):
        existing.preview(Path("old"), ExistingOptions())
    with pytest.raises(Invalid, match="data folder"):
        existing.preview(kit.folder.root / "projects", ExistingOptions())
    with pytest.raises(Invalid, match="data folder"):
        existing.preview(tmp_path, ExistingOptions())
    (tmp_path / "old").mkdir()
    with pytest.raises(Invalid, match="no BIDS dataset"):
        existing.preview(tmp_path / "old", BIDS)


def test_an_unmounted_source_throws_nothing_away(kit, tmp_path):
    root = tree(tmp_path / "old")
    read(kit, root)
    root.rename(tmp_path / "unmounted")
    root.mkdir()
    receipt = read(kit, root)
    assert receipt.state == "pending"
    assert "empty" in receipt.reason
    assert len(kit.files()) == 8
    root.rmdir()
    (tmp_path / "unmounted").rename(root)
    kit.run()
    assert kit.importer.receipt(receipt.key).state == "done"


def test_a_reading_that_was_cut_off_goes_on(kit, tmp_path, monkeypatch):
    from appliance.exchange import existing_run

    root = tree(tmp_path / "old")
    monkeypatch.setattr(existing_run, "_CHUNK", 3)
    key = kit.importer.existing.begin("default", root, ExistingOptions(), actor="owner").key
    kit.importer.stop()
    kit.queue.run()
    cut = kit.importer.receipt(key)
    assert (cut.state, cut.n_done, cut.n_pending) == ("working", 3, 5)
    kit.importer.existing.open()
    kit.run()
    done = kit.importer.receipt(key)
    assert (done.state, done.n_done, done.n_duplicate) == ("done", 5, 3)


def test_a_reading_can_be_stopped_and_taken_up(kit, tmp_path, monkeypatch):
    from appliance.exchange import existing_run

    root = tree(tmp_path / "old")
    monkeypatch.setattr(existing_run, "_CHUNK", 3)
    existing = kit.importer.existing
    key = existing.begin("default", root, ExistingOptions(), actor="owner").key
    with pytest.raises(Conflict, match="being read"):
        existing.begin("default", root, ExistingOptions(), actor="owner")
    existing.stop(key)
    kit.run()
    assert kit.importer.receipt(key).state == "failed"
    assert len(kit.files()) == 3
    with pytest.raises(Conflict):
        existing.stop(key)
    kit.importer.retry(key)
    kit.run()
    assert kit.importer.receipt(key).state == "done"


def test_nothing_comes_into_an_archived_or_a_full_project(kit, tmp_path):
    root = tree(tmp_path / "old")
    kit.catalog.write(lambda tx: set_project_state(tx, "default", "archived", actor="owner"))
    with pytest.raises(Conflict, match="in the archive"):
        read(kit, root)
    with pytest.raises(Conflict, match="in the archive"):
        kit.importer.import_path("default", root)
    kit.catalog.write(lambda tx: set_project_state(tx, "default", "active", actor="owner"))
    read(kit, root, ExistingOptions(mode="copy"))
    kit.catalog.write(lambda tx: change_policy(tx, "default", {"quota_bytes": 10}, actor="owner"))
    from appliance.catalog import QuotaReached

    with pytest.raises(QuotaReached, match="of its"):
        kit.importer.import_path("default", root)


def test_files_that_stay_elsewhere_do_not_count_for_the_quota(kit, tmp_path):
    read(kit, tree(tmp_path / "old"))
    kit.catalog.write(lambda tx: change_policy(tx, "default", {"quota_bytes": 10}, actor="owner"))
    from appliance.catalog import check_quota, project_usage

    with kit.catalog.read() as con:
        project = get_project(con, "default")
        check_quota(con, project)
        usage = project_usage(con, project.id)
    assert usage.linked_bytes > 0
    assert usage.total_bytes == 0


def test_a_bids_dataset_comes_in_with_participants_and_complete_sidecars(kit, tmp_path):
    root = bids_dataset(tmp_path / "ds")
    receipt = read(kit, root, BIDS)
    assert (receipt.state, receipt.items, receipt.source) == ("done", [], "BIDS dataset")
    files = kit.files()
    assert "sub-01#ses-a/anat/sub-01_ses-a_T1w.nii.gz" in files
    assert "sub-01#ses-a/derivatives/seg/anat/sub-01_ses-a_dseg.nii.gz" in files
    assert not [name for name in files if "participants" in name or "README" in name]
    assert meta_of(kit, "anat/sub-01_ses-a_T1w.json") == {
        "MagneticFieldStrength": 3,
        "EchoTime": 0.004,
    }
    bold = "func/sub-02_ses-b_task-rest_bold"
    assert meta_of(kit, f"{bold}.json") == {"TaskName": "rest", "RepetitionTime": 1.5}
    made = kit.folder.projects / "default" / "sub-02" / "ses-b" / f"{bold}.json"
    assert not made.is_symlink()
    assert not (root / "sub-02" / "ses-b" / f"{bold}.json").exists()
    with kit.catalog.read() as con:
        rows = con.execute("SELECT id, pid, sex FROM subjects ORDER BY pid").fetchall()
        fields = fields_of(con, "subject", [row["id"] for row in rows])
        ages = con.execute("SELECT DISTINCT age_years FROM studies ORDER BY 1").fetchall()
    assert [(row["pid"], row["sex"]) for row in rows] == [("sub-01", "F"), ("sub-02", "M")]
    assert fields[rows[1]["id"]] == {"group": "control", "score": 1.5}
    assert [row[0] for row in ages] == [30.0, 31.0]


def test_a_bids_dataset_without_sessions_gets_one_study_a_subject(kit, tmp_path):
    root = tmp_path / "ds"
    write_json(root / "dataset_description.json", {"Name": "x", "BIDSVersion": "1.9.0"})
    write_image(root / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    assert read(kit, root, BIDS).state == "done"
    assert set(kit.files()) == {"sub-01#visit/anat/sub-01_T1w.nii.gz"}
    assert read(kit, root, BIDS).n_duplicate >= 1


def test_a_damaged_sidecar_or_table_does_not_stop_the_rest(kit, tmp_path):
    root = bids_dataset(tmp_path / "ds", subjects=("01",), sessions=("a",))
    (root / "T1w.json").write_text("{not json", encoding="utf-8")
    (root / "participants.tsv").write_bytes(b"\xff\xfe\x00broken\n")
    receipt = read(kit, root, BIDS)
    assert receipt.state == "done"
    assert meta_of(kit, "anat/sub-01_ses-a_T1w.json") == {"EchoTime": 0.004}


@pytest.mark.parametrize(
    ("pattern", "path", "place"),
    [
        ("{subject}/{study}", "a/b/c/d.nii", Place("a", "b", "c/d.nii")),
        ("{subject}/{file}", "a/b/c.nii", Place("a", "visit", "b/c.nii")),
        ("data/*/{subject}_{date}/{file}", "data/x/p1_20240502/y.nii",
         Place("p1", "2024-05-02", "y.nii", "2024-05-02")),
        ("{study}/{subject}/{file}", "v1/p1/y.nii", Place("p1", "v1", "y.nii")),
        ("{subject}/{study}/{subject}_{file}", "p/v/p_t1.nii", Place("p", "v", "t1.nii")),
        (r"(?<patients_id>[^/_]+)_(?<studies_id>[^/]+)/", "p1_v1/a/t.nii",
         Place("p1", "v1", "a/t.nii")),
        (r"(?P<subject>\w+)-", "p1-t1.nii", Place("p1", "visit", "p1-t1.nii")),
        ("**/{subject}/{study}/{file}", "x/y/p/v/t.nii", Place("p", "v", "t.nii")),
    ],
)  # fmt: skip
def test_patterns_tell_subject_study_and_path(pattern, path, place):
    assert PatternLayout(pattern).place(path) == place


def test_a_pattern_that_does_not_match_says_so():
    layout = PatternLayout("{subject}/{study}/{subject}_{file}")
    assert layout.place("p/v/q_t1.nii") == "the pattern does not match its path"


@pytest.mark.parametrize("pattern", ["", "{study}/{file}", "(?<subject>", r"(?<x>a)/b"])
def test_a_bad_pattern_is_told(pattern):
    with pytest.raises(Invalid):
        compile_layout(pattern)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), min_size=3
    ).map("/".join)
)
def test_a_template_takes_the_path_apart_without_loss(path):
    place = PatternLayout("{subject}/{study}/{file}").place(path)
    assert isinstance(place, Place)
    assert f"{place.subject}/{place.study}/{place.path}" == path


def test_a_rescan_leaves_links_alone_and_a_new_catalog_finds_them(kit, make_kit, tmp_path):
    from appliance.upkeep import rescan

    root = tree(tmp_path / "old")
    read(kit, root)
    root.rename(tmp_path / "away")
    found = rescan(kit.catalog, kit.folder, prune=True)
    assert len(found.missing) == 8
    assert len(kit.files()) == 8
    (tmp_path / "away").rename(root)
    kit.close()
    for path in kit.folder.root.glob("catalog.sqlite*"):
        path.unlink()
    again = make_kit("data")
    again.importer.start()
    again.importer.stop()
    assert rescan(again.catalog, again.folder).n_added == 8
    row = again.files()["anna#2024-01-01/t1/t1.nii"]
    assert absolute_path(again.folder, "default", row).is_file()


def test_no_job_may_write_into_a_folder_that_stays_where_it_is(kit, tmp_path):
    from appliance.core import safe_join
    from appliance.jobs.sandbox import Sandbox

    root = tree(tmp_path / "old")
    read(kit, root)
    words = Sandbox(kit.folder, "auto", works=lambda: True).wrap(["true"], tmp_path, "default")
    at = words.index(str(root))
    assert words[at - 1] == "--ro-bind"
    study = kit.folder.projects / "default" / "anna" / "2024-01-01"
    with pytest.raises(Invalid):
        safe_join(study, "t1/t1.nii")
