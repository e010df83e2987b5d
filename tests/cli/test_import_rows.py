"""Arrivals in the table of jobs: found, sorted, paged, read, tried again and dismissed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.catalog import Catalog, Tx, ensure_project, ensure_study, ensure_subject
from appliance.cli.import_rows import ImportRows
from appliance.cli.import_sql import COLUMNS as IMPORT_COLUMNS
from appliance.cli.import_sql import QUEUE
from appliance.core import Conflict, Invalid, NotFound
from appliance.exchange import exchange_migrations
from appliance.jobs import COLUMNS, SORTS, JobQuery, JobRow, jobs_migrations
from appliance.jobs.merging import OwnJobs, merged_page


class Imports:
    """A catalog with receipts that a test puts there, and the source of rows over it."""

    def __init__(self, path: Path) -> None:
        self.catalog = Catalog.open(path, migrations=[jobs_migrations, exchange_migrations])
        self.retried: list[str] = []
        self.source = ImportRows(self.catalog, self.retried.append)

    def receipt(self, key: str, state: str, at: int = 1000, **facts: Any) -> None:
        """Put a receipt of kind "drop" there; `items` are (state, psid, reason, hint)."""
        items = facts.pop("items", [])
        project = facts.pop("project", "default")
        open_ = state in ("receiving", "pending", "working")
        columns = {
            "key": key,
            "kind": "drop",
            "state": state,
            "created_at": at,
            "updated_at": at,
            "closed_at": None if open_ else at + 4000,
            "n_files": len(items),
            **facts,
        }

        def write(tx: Tx) -> None:
            columns["project_id"] = ensure_project(tx, project).id
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            sql = f"INSERT INTO receipts ({names}) VALUES ({marks})"  # noqa: S608
            receipt_id = tx.con.execute(sql, list(columns.values())).lastrowid
            for n, (item, psid, reason, hint) in enumerate(items):
                pid, sid = psid.split("#") if psid else (None, None)
                tx.con.execute(
                    "INSERT INTO receipt_items (receipt_id, n, name, place, state, pid, sid,"
                    " reason, hint) VALUES (?, ?, 'f', 'Doe^Jane', ?, ?, ?, ?, ?)",
                    (receipt_id, n, item, pid, sid, reason, hint),
                )

        self.catalog.write(write)

    def job(self, key: str, at: int = 1000) -> None:
        """Put a job of project "default" there."""

        def write(tx: Tx) -> None:
            project = ensure_project(tx, "default").id
            tx.con.execute(
                "INSERT OR IGNORE INTO batch (id, key, project_id, name, level, spec, spec_sha256,"
                " queue, actor, created_at) VALUES (1, 'b', ?, 'b', 'study', '{}', '', 'DPXproc',"
                " 'owner', 0)",
                (project,),
            )
            tx.con.execute(
                "INSERT INTO job (key, batch_id, project_id, project, chain_key, seq, psid,"
                " targets, name, spec, queue, state, cpus, memory_mb, gpus, created_at, queued_at,"
                " updated_at) VALUES (?, 1, ?, 'default', '', 1, 'S-1#a', '[]', 'smooth', '{}',"
                " 'DPXproc', 'queued', 1, 1, 0, ?, 0, 0)",
                (key, project, at),
            )

        self.catalog.write(write)

    def found(self, **query: Any) -> list[str]:
        """Keys of the imports that a query finds; the count must agree."""
        asked = JobQuery(**query)
        rows = [one.row.key for one in self.source.rows(asked, None)]
        assert self.source.count(asked) == len(rows)
        return rows

    def row(self, key: str) -> JobRow:
        """One import."""
        return self.source.detail(key).row


def item(state: str, psid: str = "", reason: str = "", hint: str = "") -> tuple[str, ...]:
    return state, psid, reason, hint


@pytest.fixture
def imports(tmp_path: Path) -> Iterator[Imports]:
    made = Imports(tmp_path / "catalog.sqlite")
    yield made
    made.catalog.close()


@pytest.mark.parametrize(
    ("state", "letter"),
    [
        ("receiving", "q"),
        ("pending", "q"),
        ("working", "r"),
        ("waiting", "e"),
        ("partial", "e"),
        ("failed", "e"),
        ("done", "d"),
    ],
)
def test_IMP_03_an_import_is_a_row_of_its_queue(imports: Imports, state: str, letter: str) -> None:
    items = [item("stored", "S-1#a"), item("converted", "S-1#a")]
    imports.receipt("k1", state, items=items, source="//scanner/Doe^Jane")
    [placed] = imports.source.rows(JobQuery(), None)
    row = placed.row
    assert (row.key, row.name, row.queue) == ("k1", "import (drop)", "DPXimport")
    assert (row.state, row.letter, row.psid, row.project) == (state, letter, "S-1#a", "default")
    assert (row.batch_key, row.attempt) == (None, 0)
    assert (row.started_at is None) == (letter == "q")
    assert row.wall_s == (4.0 if letter in "ed" else None)
    assert imports.found(letters=letter) == ["k1"]
    assert imports.found(letters="qredk".replace(letter, "")) == []
    assert "Doe" not in str(placed) + str(imports.source.detail("k1"))


def test_a_row_names_a_study_only_when_there_is_just_one(imports: Imports) -> None:
    imports.receipt("two", "done", items=[item("stored", "S-1#a"), item("stored", "S-2#a")])
    imports.receipt("none", "failed", items=[item("quarantined", "S-1#a")])
    assert (imports.row("two").psid, imports.row("none").psid) == (None, None)


def test_the_note_is_the_reason_else_how_far_it_is(imports: Imports) -> None:
    stored, left = item("stored"), item("received")
    imports.receipt("a", "working", items=[stored, left, left], n_pending=2)
    imports.receipt("b", "failed", items=[stored], reason="no space (1 file)")
    imports.receipt("c", "done", items=[stored])
    imports.receipt("d", "receiving")
    notes = [imports.row(key).why for key in "abcd"]
    assert notes == ["1 of 3 files", "no space (1 file)", "1 file", ""]


def test_GRID_02_imports_answer_to_the_filters_of_the_table(imports: Imports) -> None:
    imports.receipt("a", "done", at=1, items=[item("stored", "S_1#v"), item("stored", "S-2#v")])
    imports.receipt("b", "failed", at=2, kind="dicom", reason="100% no DICOM", project="other")
    imports.receipt("c", "done", at=3, items=[item("quarantined", "S_1#v")])
    assert imports.found() == ["c", "b", "a"]
    assert imports.found(sort="created") == ["a", "b", "c"]
    assert imports.found(project="other") == imports.found(letters="e") == ["b"]
    assert imports.found(search="dpximport DICOM") == ["b"]
    assert imports.found(search="import (drop)") == ["c", "a"]
    assert imports.found(search="S_1#v") == ["a"]
    assert imports.found(search="SX1#v") == []
    assert imports.found(search="100%") == ["b"]
    assert imports.found(search="1%o") == []
    assert imports.found(batch="b") == []

    def study(pid: str) -> Callable[[Tx], int]:
        return lambda tx: ensure_study(
            tx, ensure_subject(tx, ensure_project(tx, "default").id, pid), "v"
        )

    assert imports.found(study_id=imports.catalog.write(study("S_1"))) == ["a"]
    assert imports.found(study_id=imports.catalog.write(study("S-3"))) == []


def test_an_import_of_images_is_found_by_the_study_of_its_series(imports: Imports) -> None:
    imports.receipt("a", "done", items=[item("converted", "S-1#a"), item("converted", "S-1#a")])

    def into_series(tx: Tx) -> None:
        tx.con.execute(
            "INSERT INTO incoming_series (id, key, project_id, pid, sid, study_uid, series_uid,"
            " folder, created_at) SELECT 1, 's', project_id, 'S-1', 'a', '', '', 't1', 0"
            " FROM receipts"
        )
        tx.con.execute("UPDATE receipt_items SET series_id = 1")

    imports.catalog.write(into_series)
    assert imports.found(search="S-1#a") == ["a"]
    assert imports.found(search="S-2#a") == []


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{name}" for name in SORTS)])
def test_jobs_and_imports_are_paged_in_one_order(imports: Imports, sort: str) -> None:
    for n in range(4):
        imports.job(f"job{n}", at=1000 + n % 2)
        imports.receipt(f"import{n}", ["done", "pending"][n % 2], at=1000 + n % 2)
    own, others = OwnJobs(imports.catalog), [imports.source]
    whole = merged_page(own, others, JobQuery(sort=sort))
    assert (whole.next, whole.total, len(whole.items)) == (None, 8, 8)
    paged: list[JobRow] = []
    after = None
    while True:
        page = merged_page(own, others, JobQuery(sort=sort, after=after, limit=3))
        paged, after = paged + page.items, page.next
        if after is None:
            break
    assert paged == whole.items
    for offset in range(10):
        page = merged_page(own, others, JobQuery(sort=sort, offset=offset, limit=3))
        assert (page.items, page.total) == (whole.items[offset : offset + 3], 8)
    column = sort.removeprefix("-")
    name = {"batch": "batch_name"}.get(column, column)
    name += "_at" if COLUMNS[column] == "time" else ""
    here = [row for row in whole.items if column in IMPORT_COLUMNS or row.queue != QUEUE]
    values = [getattr(row, name) if row in here else None for row in whole.items]
    keys = [(v or "").lower() if COLUMNS[column] == "text" else v or 0 for v in values]
    assert keys == sorted(keys, reverse=sort.startswith("-"))


def test_the_log_accounts_for_every_file(imports: Imports) -> None:
    hint = "Choose a subject and a study for it."
    items = [
        *[item("stored", "S-1#a")] * 11,
        *[item("quarantined", reason="not DICOM", hint=hint)] * 2,
        item("duplicate", "S-1#a"),
        item("unpacked"),
    ]
    imports.receipt("a", "partial", items=items, n_files=14, size_bytes=2_500_000)
    piece = imports.source.read_log("a")
    assert piece.done
    assert piece.text.splitlines() == [
        "1970-01-01T00:00:01.000Z  came through the drop folder into project default",
        "1970-01-01T00:00:05.000Z  partial: 14 files, 2.5 MB",
        "  11  stored",
        "   2  quarantined: not DICOM",
        f"      {hint}",
        "   1  duplicate",
        "study S-1#a",
    ]
    rest = imports.source.read_log("a", offset=piece.offset)
    assert (rest.text, rest.offset, rest.done) == ("", piece.offset, True)
    fates = imports.source.detail("a").spec["files"]
    assert [(fate["n"], fate["state"]) for fate in fates] == [
        (11, "stored"),
        (2, "quarantined"),
        (1, "duplicate"),
    ]


def test_a_log_that_is_followed_is_the_log_read_at_the_end(imports: Imports) -> None:
    imports.receipt("a", "working", items=[item("sorted", "S-1#a")])
    early = imports.source.read_log("a")
    assert not early.done
    assert [fate["state"] for fate in imports.source.detail("a").spec["files"]] == ["received"]
    imports.catalog.write(
        lambda tx: tx.con.execute("UPDATE receipts SET state = 'failed', closed_at = 9000")
    )
    late = imports.source.read_log("a", offset=early.offset)
    assert late.done
    assert early.text + late.text == imports.source.read_log("a").text


def test_only_what_went_wrong_is_tried_again(imports: Imports) -> None:
    for state in ("receiving", "working", "done"):
        imports.receipt(state, state)
        with pytest.raises(Conflict, match=state) as caught:
            imports.source.act(state, "retry", "owner")
        assert caught.value.hint
    for state in ("waiting", "partial", "failed"):
        imports.receipt(state, state)
        imports.source.act(state, "retry", "owner")
    assert imports.retried == ["waiting", "partial", "failed"]


@pytest.mark.parametrize("action", ["cancel", "suspend", "resume"])
def test_what_makes_no_sense_for_an_import_is_refused(imports: Imports, action: str) -> None:
    imports.receipt("a", "working")
    with pytest.raises(Conflict, match=action) as caught:
        imports.source.act("a", action, "owner")
    assert "Arrivals" in caught.value.hint
    with pytest.raises(Invalid):
        imports.source.act("a", "explode", "owner")


def test_GRID_05_an_import_is_dismissed_until_it_changes(imports: Imports) -> None:
    imports.receipt("a", "working")
    with pytest.raises(Conflict, match="dismissed"):
        imports.source.act("a", "dismiss", "owner")
    imports.receipt("b", "failed")
    imports.source.act("b", "dismiss", "owner")
    imports.source.act("b", "dismiss", "owner")
    assert imports.found() == ["a"]
    assert imports.row("b").state == "failed"
    imports.catalog.write(
        lambda tx: tx.con.execute("UPDATE receipts SET updated_at = updated_at + 1")
    )
    assert sorted(imports.found()) == ["a", "b"]


def test_a_dismissed_import_is_found_and_brought_back(imports: Imports) -> None:
    imports.receipt("a", "done")
    imports.receipt("b", "failed")
    with pytest.raises(Conflict):
        imports.source.act("b", "restore", "owner")
    imports.source.act("b", "dismiss", "owner")
    assert imports.found(letters="dismissed") == ["b"]
    assert imports.row("b").dismissed
    imports.source.act("b", "restore", "owner")
    assert imports.found(letters="dismissed") == []
    assert sorted(imports.found()) == ["a", "b"]
    assert not imports.row("b").dismissed


def test_only_keys_of_imports_are_ours(imports: Imports) -> None:
    imports.receipt("a", "done")
    assert imports.source.owns("a")
    assert not imports.source.owns("b")
    with pytest.raises(NotFound):
        imports.source.detail("b")
