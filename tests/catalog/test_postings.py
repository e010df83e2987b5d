"""The postings in memory give what SQL gives, whatever is written, in any order."""

from __future__ import annotations

import functools
import itertools
import shutil
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.catalog import (
    Catalog,
    FileQuery,
    StudyQuery,
    SubjectQuery,
    add_file,
    begin_move,
    ensure_project,
    ensure_series,
    ensure_study,
    ensure_subject,
    finish_move,
    list_files,
    list_projects,
    list_studies,
    list_subjects,
    path_sql,
    plan_rename_study,
    plan_rename_subject,
    project_tags,
    tag,
    trash_files,
    undo,
)
from appliance.catalog.keeper import Keeper
from appliance.core import Conflict, Invalid, NotFound
from tests.catalog.asked import (
    BIDS_PATHS,
    FILE_SORTS,
    FILTERS,
    KINDS,
    PATHS,
    PIDS,
    SIDS,
    TAGS,
    check_alike,
)


def _template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="nora-test-")) / "catalog.sqlite"
    catalog = Catalog.open(path)
    catalog.write(lambda tx: [ensure_project(tx, name) for name in ("one", "two")])
    catalog.close()
    return path


@pytest.fixture(scope="module", autouse=True)
def template():
    path = Machine.template = _template()
    yield
    shutil.rmtree(path.parent)


a_project = st.sampled_from((1, 2))
a_study = st.tuples(a_project, st.sampled_from(PIDS), st.sampled_from(SIDS))
some_ids = st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True)


class Machine(RuleBasedStateMachine):
    """Writes of every kind; after each, postings and SQL are asked the same."""

    template: Path

    @initialize(before=st.booleans())
    def open(self, before):
        self.folder = Path(tempfile.mkdtemp(prefix="nora-test-"))
        shutil.copy(self.template, self.folder / "catalog.sqlite")
        self.catalog = Catalog.open(self.folder / "catalog.sqlite")
        self.trashed = []
        if before:  # what is there when they are loaded
            self.add((1, "S-1", "b"), PATHS[0], "image", 7)
            self.add((2, "S-1", "b"), PATHS[1], "image", 7)
        assert self.catalog.start_postings().wait_loaded(30)

    def teardown(self):
        if hasattr(self, "catalog"):
            self.catalog.close()
            shutil.rmtree(self.folder)

    def sql(self, text, *values):
        self.catalog.write(lambda tx: tx.con.execute(text, values))

    @rule(
        place=a_study,
        path=st.sampled_from((*PATHS, *BIDS_PATHS)),
        kind=st.sampled_from(KINDS),
        size=st.integers(0, 3),
    )
    def add(self, place, path, kind, size):
        project, pid, sid = place

        def put(tx):
            subject = ensure_subject(tx, project, pid)
            facts = {"date": sid if sid[0] == "2" else None, "description": f"Head {pid}"}
            study = ensure_study(tx, subject, sid, age_years=size or None, **facts)
            ensure_series(tx, study, path.partition("/")[0], modality="MR")
            name = path.format(pid=pid, sid=sid)
            add_file(tx, study, name, size_bytes=size, mtime_ns=size * 5, kind=kind)

        self.catalog.write(put)

    @rule(place=a_study)
    def add_a_study_without_files(self, place):
        self.catalog.write(
            lambda tx: ensure_study(tx, ensure_subject(tx, place[0], place[1]), place[2])
        )

    @rule(project=a_project)
    def add_a_subject_without_studies(self, project):
        self.catalog.write(lambda tx: ensure_subject(tx, project, "alone"))

    @rule(
        level=st.sampled_from(("subject", "study", "file")),
        ids=some_ids,
        add=st.sets(st.sampled_from(TAGS)),
        remove=st.sets(st.sampled_from(TAGS)),
    )
    def tag(self, level, ids, add, remove):
        def put(tx):
            table = {"subject": "subjects", "study": "studies", "file": "files"}[level]
            present = {row[0] for row in tx.con.execute(f"SELECT id FROM {table}")}  # noqa: S608
            tag(tx, level, [i for i in ids if i in present], add=add, remove=remove)

        self.catalog.write(put)

    @rule(ids=some_ids)
    def trash(self, ids):
        with suppress(Invalid):  # of several projects
            self.trashed.append(self.catalog.write(lambda tx: trash_files(tx, ids, "owner")))

    @rule()
    def bring_back(self):
        if self.trashed:
            operation = self.trashed.pop()
            with suppress(Conflict):  # its study was trashed or deleted meanwhile
                self.catalog.write(lambda tx: undo(tx, operation, "owner"))

    @rule(i=st.integers(1, 6), table=st.sampled_from(("studies", "subjects")), gone=st.booleans())
    def trash_rows(self, i, table, gone):
        self.sql(f"UPDATE {table} SET trashed_at = ? WHERE id = ?", gone or None, i)  # noqa: S608

    @rule(i=st.integers(1, 6), sid=st.text("abc", min_size=1, max_size=4))
    def rename_a_study(self, i, sid):
        self.sql("UPDATE OR IGNORE studies SET sid = ?, description = ? WHERE id = ?", sid, sid, i)

    @rule(i=st.integers(1, 6), pid=st.text("Sxß", min_size=1, max_size=4))
    def rename_a_subject(self, i, pid):
        self.sql("UPDATE OR IGNORE subjects SET pid = ? WHERE id = ?", pid, i)

    @rule(
        i=st.integers(1, 6),
        level=st.sampled_from(("subject", "study")),
        name=st.sampled_from((*PIDS, *SIDS, "other")),
    )
    def rename_with_the_disk(self, i, level, name):
        """Names of files stay as they are on the disk."""
        plan = {"subject": plan_rename_subject, "study": plan_rename_study}[level]

        def put(tx):
            before = paths_of(tx.con)
            finish_move(tx, begin_move(tx, plan(tx.con, i, name), "owner"))
            assert paths_of(tx.con) == before

        with suppress(Conflict, Invalid, NotFound):
            self.catalog.write(put)

    @rule(old=st.sampled_from(TAGS), new=st.sampled_from((*TAGS, "renamed")))
    def rename_a_tag(self, old, new):
        self.sql("UPDATE OR IGNORE tags SET name = ? WHERE name = ?", new, old)

    @rule(i=st.integers(1, 4), j=st.integers(1, 4))
    def merge_tags(self, i, j):
        if i != j:
            self.sql(
                "UPDATE OR IGNORE study_tags SET tag_id = ?1 WHERE tag_id = ?2"
                " AND EXISTS (SELECT 1 FROM tags WHERE id = ?1)",
                j,
                i,
            )
            self.sql("DELETE FROM study_tags WHERE tag_id = ?", i)

    @rule(ids=some_ids)
    def delete_files(self, ids):
        def drop(tx):
            tx.con.executemany("DELETE FROM file_tags WHERE x_id = ?", [(i,) for i in ids])
            tx.con.executemany("DELETE FROM files WHERE id = ?", [(i,) for i in ids])
            tx.con.execute("DELETE FROM paths WHERE id NOT IN (SELECT path_id FROM files)")

        self.catalog.write(drop)

    @rule(i=st.integers(1, 6))
    def delete_a_study(self, i):
        own = "SELECT id FROM files WHERE study_id = ?"
        self.sql(f"DELETE FROM file_tags WHERE x_id IN ({own})", i)  # noqa: S608
        self.sql("DELETE FROM files WHERE study_id = ?", i)
        self.sql("DELETE FROM series WHERE study_id = ?", i)
        self.sql("DELETE FROM study_tags WHERE x_id = ?", i)
        self.sql("DELETE FROM studies WHERE id = ?", i)

    @rule()
    def roll_back(self):
        def fail(tx):
            tx.con.execute("DELETE FROM file_tags")
            tx.con.execute("UPDATE files SET trashed_at = 1")
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            self.catalog.write(fail)

    @invariant()
    def postings_and_sql_say_the_same(self):
        if hasattr(self, "catalog"):
            check_alike(self.catalog, 1)


def paths_of(con):
    """What every file is called on the disk, by id."""
    sql = f"SELECT f.id, {path_sql()} FROM files f JOIN paths p ON p.id = f.path_id"  # noqa: S608
    owners = " JOIN studies s ON s.id = f.study_id JOIN subjects u ON u.id = s.subject_id"
    return dict(map(tuple, con.execute(sql + owners).fetchall()))


@pytest.mark.slow
@pytest.mark.parametrize(("most_overlay", "few"), [(4, 0), (40_000, 0), (4, 100)])
def test_postings_and_sql_say_the_same_after_any_writes(monkeypatch, most_overlay, few):
    monkeypatch.setattr("appliance.catalog.keeper._MOST_OVERLAY", most_overlay)
    monkeypatch.setattr("appliance.catalog.template_rows._FEW", few)  # 0: as arrays
    monkeypatch.setattr("appliance.catalog.selectors._FEW_STUDIES", few)
    from hypothesis.stateful import run_state_machine_as_test

    relaxed = settings(
        max_examples=8,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=relaxed)


def test_a_write_is_seen_by_the_very_next_page(filled):
    filled.start_postings().wait_loaded(30)
    for i in range(20):
        path = f"new_{i}/s001.nii"
        filled.write(
            lambda tx, path=path: add_file(tx, 1, path, size_bytes=1, mtime_ns=1, kind="image")
        )
        with filled.read() as con:
            assert list_studies(con, filled.project.id, StudyQuery(files=path)).total == 1
            page = list_files(con, filled.project.id, FileQuery(files=f"new_{i}/"))
            assert [row.path for row in page.items] == [path]


def test_until_they_are_loaded_SQL_answers(filled):
    class Slow(Keeper):
        def _load(self, con):
            raise RuntimeError("not yet")

    keeper = Slow(filled.read)
    with filled.read() as con:
        con.keeper = keeper
        assert keeper.state() is None
        assert list_studies(con, filled.project.id, StudyQuery(files="t1")).total == 5


def test_what_another_process_writes_is_noticed_with_our_next_write(filled):
    keeper = filled.start_postings()
    assert keeper.wait_loaded(30)
    with closing(sqlite3.connect(filled.path)) as con:
        con.execute("UPDATE studies SET trashed_at = 1 WHERE id = 1")
        con.commit()
    filled.write(lambda tx: None)
    keeper.wait_loaded(30)
    with filled.read() as con:
        assert list_studies(con, filled.project.id, StudyQuery()).total == 4


def test_stopped_postings_answer_nothing(filled):
    keeper = filled.start_postings()
    assert keeper.wait_loaded(30)
    keeper.stop()
    assert keeper.state() is None


def test_readers_meet_no_half_made_state_while_one_writes(filled, monkeypatch):
    """Every page is whole, and its total never falls while files only come in."""
    monkeypatch.setattr("appliance.catalog.keeper._MOST_OVERLAY", 50)
    assert filled.start_postings().wait_loaded(30)
    project = filled.project.id
    stop = threading.Event()

    def write():
        # As many studies as take more than one rebuild of the postings, however fast the disk is.
        for n in range(120):
            if stop.is_set():
                return
            filled.write(functools.partial(put_study, project=project, n=n))

    def read():
        totals = {}
        for n, text in zip(range(2 * len(FILTERS)), itertools.cycle(FILTERS), strict=False):
            with filled.read() as con:
                page = list_studies(con, project, StudyQuery(files=text, limit=1000))
                some = list_files(con, project, FileQuery(files=text, sort=FILE_SORTS[n % 4]))
                subjects = list_subjects(con, project, SubjectQuery(files=text, limit=1000))
                project_tags(con, project)
                list_projects(con)
            assert len({row.id for row in page.items}) == len(page.items)
            assert subjects.total <= page.total or text.startswith("!")
            assert len(some.items) <= some.total
            if "!" not in text:
                assert page.total >= totals.get(text, 0)
            totals[text] = page.total
        return len(totals)

    with ThreadPoolExecutor(4) as pool:
        writer = pool.submit(write)
        try:
            found = [r.result(120) for r in [pool.submit(read) for _ in range(3)]]
            assert found == [len(FILTERS)] * 3
        finally:
            stop.set()
        writer.result(30)
    check_alike(filled, project)


def put_study(tx, *, project, n):
    """One more study, with a new name, tags and a subject of its own for every other."""
    study = ensure_study(tx, ensure_subject(tx, project, f"N-{n // 2}"), str(n), description="Head")
    for path in (*PATHS, f"new_{n}/mask.nii"):
        last = add_file(tx, study, path, size_bytes=n, mtime_ns=n, kind="image")
    tag(tx, "file", [last], add=["mask"])
    tag(tx, "study", [study], add=["control"])
