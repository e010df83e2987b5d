"""Paths kept without the ids of their subject and study: the way there and back, and patterns."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from appliance.catalog import (
    Catalog,
    FileQuery,
    NewFile,
    add_file,
    add_files,
    begin_move,
    catalog_migrations,
    ensure_project,
    ensure_study,
    ensure_subject,
    files_at,
    finish_move,
    list_files,
    path_sql,
    plan_rename_file,
    plan_rename_study,
    plan_rename_subject,
    run_sql,
    select,
    study_files,
)
from appliance.catalog.interned import Words
from appliance.catalog.template_match import Automaton, Fit, automata, fit_of
from appliance.catalog.template_rows import _Prepared
from appliance.catalog.templates import PID, SID, expand_path, folded_path, intern_path
from appliance.catalog.wildcards import fold, matcher
from appliance.core import Conflict

IDS = st.sampled_from(["sub-01", "S", "ses-1", "01", "été", "Größe-ß", "a.b*c", "\x01x\x02", ""])
ids = IDS | st.text("sub-01_ß", max_size=6)
pieces = st.sampled_from(
    ["{pid}", "{sid}", "_", "-", "/", "T1w", ".nii", "x", "\x01", "\x02", "\x03", "1", "12345"]
)
paths = st.lists(pieces, max_size=8).map("".join)


@given(paths, ids, ids)
@example("anat/{pid}_{sid}_T1w.nii", "sub-01", "sub-01")
@example("{pid}{pid}", "a-a", "a-a-a")
def test_a_path_comes_back_as_it_was(path, pid, sid):
    path = path.replace("{pid}", pid).replace("{sid}", sid)
    kept = intern_path(path, pid, sid)
    assert expand_path(kept, pid, sid) == path
    with closing(sqlite3.connect(":memory:")) as con:
        sql = f"SELECT {path_sql('?1', '?2', '?3')}"
        assert con.execute(sql, (kept, pid, sid)).fetchone()[0] == path
    if not kept.startswith("\x03"):  # patterns see the same text
        folded = folded_path(kept).replace(PID, fold(pid)).replace(SID, fold(sid))
        assert folded == fold(path)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("anat/sub-01_ses-1_T1w.nii.gz", f"anat/{PID}_{SID}_T1w.nii.gz"),
        ("sub-01/sub-01.json", f"{PID}/{PID}.json"),
        ("sub-012_ses-1.nii", f"sub-012_{SID}.nii"),
        ("xsub-01.nii", "xsub-01.nii"),
        ("SUB-01.nii", "SUB-01.nii"),
        ("sub-01_20240101T101500.nii", "sub-01_20240101T101500.nii"),
        ("sub-01_\x02.nii", "\x03sub-01_\x02.nii"),
        ("\x03", "\x03\x03"),
    ],
)
def test_only_whole_ids_are_left_out(path, kept):
    assert intern_path(path, "sub-01", "ses-1") == kept
    assert intern_path("t1_1/S1.nii", "S1", "1") == "t1_1/S1.nii"  # too short


texts = st.lists(st.sampled_from(["a", "b", "ß", "_", ".nii", ".gz", PID, SID]), max_size=6)
patterns = st.lists(
    st.sampled_from(["a", "b", "B", "s", "*", "_", "\\_", ".nii", "1", "%", PID]), max_size=7
).map("".join)
names = st.text("ab1ß_", min_size=1, max_size=4)


@settings(max_examples=300)
@given(patterns, texts.map("".join), st.lists(st.tuples(names, names), min_size=1), st.booleans())
@example("b__b", f"{PID}b{PID}b{PID}{PID}b", [("x", "y"), ("xx", "y"), ("xxx", "y")], False)
def test_a_pattern_on_a_template_says_what_it_says_of_each_path(pattern, text, studies, anchored):
    template = fold(text)
    expanded = [template.replace(PID, fold(p)).replace(SID, fold(s)) for p, s in studies]
    match = matcher(pattern, anchored=anchored).match
    wanted = [match(path) is not None for path in expanded]
    fit = fit_of(pattern, template, anchored=anchored)
    assert fit is not Fit.ALL or all(wanted)
    assert fit is not Fit.NONE or not any(wanted)
    words = {PID: Words([""]), SID: Words([""])}
    codes = {
        sign: np.array([words[sign].code(study[i]) for study in studies], np.int32)
        for i, sign in enumerate((PID, SID))
    }
    ready = [_Prepared(one, words) for one in automata(pattern, anchored=anchored)]
    found = np.any([one.fit(template, codes) for one in ready], axis=0)
    assert found.tolist() == wanted
    assert any(one.may_fit(template) for one in ready) or not any(wanted)


@pytest.mark.parametrize(
    ("pattern", "template", "fit"),
    [
        ("func/*bold*", f"func/{PID}_{SID}_task-rest_bold.nii", Fit.ALL),
        ("func/*bold*", f"anat/{PID}_{SID}_T1w.nii", Fit.NONE),
        ("*sub-01*", f"anat/{PID}_{SID}_T1w.nii", Fit.SOME),
        ("anat/*", f"anat/{PID}_T1w.nii", Fit.ALL),
        ("anat/___", f"anat/{PID}", Fit.SOME),
        ("*_T1w", f"anat/{PID}_{SID}_T1w.nii", Fit.ALL),
    ],
)
def test_what_a_template_alone_tells(pattern, template, fit):
    assert fit_of(pattern, fold(template), anchored=False) is fit


def test_words_that_come_later_have_their_letters_too():
    words = Words(["", "a"])
    assert words.letters().alphabet == "\0a"
    words.code("longerß")
    places, alphabet = words.letters()
    texts = ["".join(alphabet[i] for i in column if i) for column in places.T]
    assert texts == ["", "a", "longerss"]
    assert Automaton("*g_r*", "", anchored=True).n == 3


def bids(tx, pid="sub-01", sid="ses-1", project="bids"):
    study = ensure_study(tx, ensure_subject(tx, ensure_project(tx, project).id, pid), sid)
    names = [f"anat/{pid}_{sid}_T1w.nii.gz", f"anat/{pid}_{sid}_T1w.json", f"func/{pid}_bold.nii"]
    files = [NewFile(path, 1, 1, "image") for path in names]
    return study, add_files(tx, study, files, origin="source:x")


def kept_paths(con):
    return sorted(row[0] for row in con.execute("SELECT path FROM paths"))


def listed(con, project_id, **query):
    return [row.path for row in list_files(con, project_id, FileQuery(**query)).items]


def test_BIDS_studies_share_their_paths(catalog):
    for n in range(1, 5):
        study, _ = catalog.write(lambda tx, n=n: bids(tx, f"sub-{n:02d}"))
    with catalog.read() as con:
        assert len(kept_paths(con)) == 3
        assert listed(con, 1, files="anat/sub-03*json") == ["anat/sub-03_ses-1_T1w.json"]
        assert listed(con, 1, study_id=study, sort="path") == [
            "anat/sub-04_ses-1_T1w.json",
            "anat/sub-04_ses-1_T1w.nii.gz",
            "func/sub-04_bold.nii",
        ]
        found = select(con, 1, "*sub-02_ses-1_T1w.nii")
        assert [file.path for file in found] == ["anat/sub-02_ses-1_T1w.nii.gz"]
        place = "/data/bids/sub-02/ses-1/func/sub-02_bold.nii"
        assert [file.psid for file in select(con, 1, place)] == ["sub-02#ses-1"]
        assert files_at(con, study, ["func/sub-04_bold.nii", "func/sub-01_bold.nii"]) == {
            "func/sub-04_bold.nii": study_files(con, study)[2].id
        }
    sql = "SELECT path, Filename FROM files WHERE path LIKE 'func/sub-03%'"
    assert run_sql(catalog.path, sql).rows == [["func/sub-03_bold.nii", "sub-03_bold.nii"]]


def test_a_file_entered_again_is_the_same_file(catalog):
    study, ids = catalog.write(bids)
    again = catalog.write(
        lambda tx: add_file(
            tx, study, "func/sub-01_bold.nii", size_bytes=2, mtime_ns=2, kind="image"
        )
    )
    assert again == ids[2]


def rename(tx, plan, x_id, name):
    move = plan(tx.con, x_id, name)
    finish_move(tx, begin_move(tx, move, "owner"))


def test_names_of_files_stay_when_their_subject_or_study_gets_another(catalog):
    study, _ = catalog.write(bids)
    swapped = "func/sub-02_bold.nii"
    catalog.write(lambda tx: add_file(tx, study, swapped, size_bytes=1, mtime_ns=1, kind="image"))

    def names():
        with catalog.read() as con:
            return [file.path for file in study_files(con, study)], kept_paths(con)

    before, kept = names()
    assert f"func/{PID}_bold.nii" in kept
    catalog.write(lambda tx: rename(tx, plan_rename_subject, 1, "sub-02"))
    assert names()[0] == before
    with catalog.read() as con:  # the two have changed places
        of = dict(con.execute("SELECT f.id, p.path FROM files f JOIN paths p ON p.id = f.path_id"))
        (file_id,) = files_at(con, study, [swapped]).values()
    assert of[file_id] == f"func/{PID}_bold.nii"
    catalog.write(lambda tx: rename(tx, plan_rename_study, study, "other"))
    assert names()[0] == before
    catalog.write(lambda tx: rename(tx, plan_rename_study, study, "ses-1"))
    catalog.write(lambda tx: rename(tx, plan_rename_subject, 1, "sub-01"))
    assert names() == (before, names()[1])
    with catalog.read() as con:
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        (file_id,) = files_at(con, study, ["func/sub-01_bold.nii"]).values()
        with pytest.raises(Conflict, match="already"):
            plan_rename_file(con, file_id, swapped)
    catalog.write(lambda tx: rename(tx, plan_rename_file, file_id, "x/sub-01_y.nii"))
    assert "x/sub-01_y.nii" in names()[0]


@pytest.fixture
def old_form(tmp_path):
    """A catalog as it was before: every path as it is."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as con:
        catalog_migrations.apply(Database(con), stop_before="m007_templates")
        con.execute("INSERT INTO projects (id, key, name, created_at) VALUES (1, 'p', 'old', 0)")
        wanted = {}
        for n in range(1, 40):
            pid, sid = f"sub-{n:02d}", "ses-1" if n % 2 else "été"
            con.execute(
                "INSERT INTO subjects (id, key, project_id, pid, created_at)"
                " VALUES (?, ?, 1, ?, 0)",
                (n, str(n), pid),
            )
            con.execute(
                "INSERT INTO studies (id, key, project_id, subject_id, sid, created_at)"
                " VALUES (?, ?, 1, ?, ?, 0)",
                (n, str(n), n, sid),
            )
            wanted[n] = sorted(
                [f"anat/{pid}_{sid}_T1w.nii", f"{pid}.json", "t1/s001.nii", "\x01odd\x03"]
            )
            for i, name in enumerate(wanted[n]):
                con.execute(
                    "INSERT OR IGNORE INTO paths (path, path_fold) VALUES (?, ?)",
                    (name, fold(name)),
                )
                con.execute(
                    "INSERT INTO files (key, project_id, study_id, path_id, size_bytes, mtime_ns,"
                    " kind, created_at) SELECT ?, 1, ?, id, 1, 1, 'image', 0 FROM paths"
                    " WHERE path = ?",
                    (f"{n}.{i}", n, name),
                )
        con.commit()
    return path, wanted


def test_a_catalog_of_the_old_form_is_brought_into_the_new_one(old_form, monkeypatch):
    path, wanted = old_form
    monkeypatch.setattr("appliance.catalog.reintern._CHUNK", 7)
    catalog = Catalog.open(path)
    try:
        with catalog.read() as con:
            assert kept_paths(con) == sorted(
                [f"anat/{PID}_{SID}_T1w.nii", f"{PID}.json", "t1/s001.nii", "\x03\x01odd\x03"]
            )
            for study, names in wanted.items():
                assert [file.path for file in study_files(con, study)] == names
            assert listed(con, 1, files="_ODD", limit=1) == ["\x01odd\x03"]
            assert con.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    finally:
        catalog.close()


def test_an_upgrade_that_is_cut_leaves_the_old_form(old_form, monkeypatch):
    path, wanted = old_form
    monkeypatch.setattr("appliance.catalog.reintern._UNUSED", "DELETE FROM nowhere")
    with pytest.raises(sqlite3.OperationalError), closing(sqlite3.connect(path)) as con:
        catalog_migrations.apply(Database(con))
    with closing(sqlite3.connect(path)) as con:
        assert f"anat/{PID}_{SID}_T1w.nii" not in kept_paths(con)
        assert "sub-01.json" in kept_paths(con)
    monkeypatch.undo()
    catalog = Catalog.open(path)
    try:
        with catalog.read() as con:
            assert [file.path for file in study_files(con, 3)] == wanted[3]
    finally:
        catalog.close()


def test_pages_by_path_end_where_the_next_begins(catalog):
    for n in range(1, 4):
        catalog.write(lambda tx, n=n: bids(tx, f"sub-{n:02d}"))
    assert catalog.start_postings().wait_loaded(30)
    for fast in (True, False):
        with catalog.read() as con:
            con.keeper = con.keeper if fast else None
            found, after = [], None
            while True:
                page = list_files(con, 1, FileQuery(sort="path", limit=2, after=after))
                found += [row.path for row in page.items]
                after = page.next
                if after is None:
                    break
        wanted = [f"anat/sub-0{n}_ses-1_T1w.json" for n in (1, 2, 3)]
        wanted += [f"anat/sub-0{n}_ses-1_T1w.nii.gz" for n in (1, 2, 3)]
        assert found == wanted + [f"func/sub-0{n}_bold.nii" for n in (1, 2, 3)]


def test_a_study_that_changes_its_ids_alone_is_found_by_what_its_paths_mean_then(catalog):
    """Whoever changes an id must intern the paths again; until then both ways say the same."""
    catalog.write(bids)
    assert catalog.start_postings().wait_loaded(30)
    catalog.write(lambda tx: tx.con.execute("UPDATE subjects SET pid = 'sub-77' WHERE id = 1"))
    with catalog.read() as con:
        assert listed(con, 1, files="*sub-01*") == []
        assert len(listed(con, 1, files="*sub-77*")) == 3
