"""Who changed what and when: the operations, the parts an undo needs, and pages of history.

An operation that touches many rows has one part per chunk; each holds the before-image of its own
short transaction, so that a large change can be taken back after a crash in its middle.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from appliance.catalog.rows import Page
from appliance.catalog.store import Tx
from appliance.core import Invalid, NotFound

__all__ = [
    "LEVELS",
    "UNDOABLE",
    "Operation",
    "OperationQuery",
    "add_part",
    "chunks",
    "find_operation",
    "list_operations",
    "one_project",
    "parts_of",
    "tell_files",
]

LEVELS = {"subject": "subjects", "study": "studies", "file": "files"}
UNDOABLE = frozenset(
    {
        "delete_doc",
        "move",
        "project-settings",
        "project-state",
        "put_doc",
        "rename",
        "restore",
        "save",
        "tag",
        "trash",
    }
)
CHUNK = 1000
_MAX_LIMIT = 1000
_SELECT = (
    "SELECT o.id, o.at, o.actor, o.verb, o.target, o.undone_at, o.undone_by, o.purged_at,"
    " p.name AS project FROM operations o LEFT JOIN projects p ON p.id = o.project_id"
)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One line of history.

    Attributes
    ----------
    target : dict
        What it was done to: counts, names of tags, old and new codes; never an identity.
    undoable : bool
        Whether `undo` knows how, and it was neither undone nor made final.
    """

    id: int
    at: int
    actor: str
    verb: str
    project: str | None
    target: dict[str, Any]
    undoable: bool
    undone_at: int | None
    undone_by: str | None
    purged_at: int | None


class OperationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of history; all that are given must hold.

    Attributes
    ----------
    project_ids : collection of int, optional
        Only of these projects; None gives all, and what belongs to no project.
    verb, actor : str
        Empty: any. Verbs may be several, separated by commas.
    in_trash : bool
        Only what lies in the trash now.
    """

    project_ids: Collection[int] | None = None
    verb: str = ""
    actor: str = ""
    at_from: int | None = None
    at_to: int | None = None
    in_trash: bool = False
    after: str | None = None
    limit: int = 200


def list_operations(con: sqlite3.Connection, query: OperationQuery) -> Page[Operation]:
    """Give one page of history, newest first.

    Raises
    ------
    Invalid
        If the cursor is damaged.
    """
    where, values = _where(query)
    total = con.execute(f"SELECT count(*) FROM operations o WHERE {where}", values).fetchone()[0]
    if query.after is not None:
        where, values = f"{where} AND o.id < ?", [*values, _place(query.after)]
    limit = max(1, min(query.limit, _MAX_LIMIT))
    rows = con.execute(
        f"{_SELECT} WHERE {where} ORDER BY o.id DESC LIMIT ?", [*values, limit + 1]
    ).fetchall()
    items = [_operation(row) for row in rows[:limit]]
    return Page(items, str(items[-1].id) if len(rows) > limit else None, int(total))


def find_operation(con: sqlite3.Connection, operation_id: int) -> Operation:
    """Give one line of history.

    Raises
    ------
    NotFound
        If there is none of that id.
    """
    row = con.execute(f"{_SELECT} WHERE o.id = ?", (operation_id,)).fetchone()
    if row is None:
        raise NotFound(f"no operation {operation_id}")
    return _operation(row)


def add_part(tx: Tx, operation_id: int, data: Any) -> None:
    """Keep the before-image of one chunk of an operation."""
    tx.con.execute(
        "INSERT INTO operation_parts (operation_id, n, data) VALUES (?,"
        " (SELECT ifnull(max(n), 0) + 1 FROM operation_parts WHERE operation_id = ?), ?)",
        (operation_id, operation_id, json.dumps(data)),
    )


def parts_of(
    con: sqlite3.Connection, operation_id: int, *, undone: bool | None = None
) -> list[tuple[int, Any]]:
    """Give the parts of an operation with their numbers, newest first."""
    rows = con.execute(
        "SELECT n, data FROM operation_parts WHERE operation_id = ?"
        " AND (? IS NULL OR undone = ?) ORDER BY n DESC",
        (operation_id, undone, undone),
    ).fetchall()
    return [(row["n"], json.loads(row["data"])) for row in rows]


def one_project(con: sqlite3.Connection, level: str, ids: Sequence[int]) -> int | None:
    """Give the project that all of these belong to; None for an empty list.

    Raises
    ------
    Invalid
        If the level is unknown, or they belong to several projects.
    NotFound
        If none of them exists.
    """
    if level not in LEVELS:
        raise Invalid(f"no level {level!r}", hint="Use subject, study or file.")
    if not ids:
        return None
    rows = con.execute(
        f"SELECT DISTINCT x.project_id FROM json_each(?) j CROSS JOIN {LEVELS[level]} x"
        " ON x.id = j.value",
        (json.dumps(list(ids)),),
    ).fetchall()
    if not rows:
        raise NotFound(f"no {level} with such an id")
    if len(rows) > 1:
        raise Invalid("these belong to several projects", hint="Change one project at a time.")
    return int(rows[0][0])


def chunks(ids: Sequence[int], size: int = CHUNK) -> Iterator[Sequence[int]]:
    """Cut a list so that each piece is one short transaction."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def tell_files(tx: Tx, ids: Sequence[int]) -> None:
    """Publish that files have come or gone, study by study."""
    rows = tx.con.execute(
        "SELECT j.name, f.study_id, f.id FROM json_each(?) i CROSS JOIN files f ON f.id = i.value"
        " JOIN projects j ON j.id = f.project_id",
        (json.dumps(list(ids)),),
    ).fetchall()
    by_study: dict[tuple[str, int], list[int]] = {}
    for row in rows:
        by_study.setdefault((row["name"], row["study_id"]), []).append(row["id"])
    for (project, study_id), files in by_study.items():
        tx.event("files.changed", project=project, study_id=study_id, file_ids=files)


def _where(query: OperationQuery) -> tuple[str, list[Any]]:
    tests: list[tuple[bool, str, list[Any]]] = [
        (
            query.project_ids is not None,
            "o.project_id IN (SELECT value FROM json_each(?))",
            [json.dumps(list(query.project_ids or ()))],
        ),
        (
            bool(query.verb),
            "o.verb IN (SELECT value FROM json_each(?))",
            [json.dumps(query.verb.split(","))],
        ),
        (bool(query.actor), "o.actor = ?", [query.actor]),
        (query.at_from is not None, "o.at >= ?", [query.at_from]),
        (query.at_to is not None, "o.at <= ?", [query.at_to]),
        (
            query.in_trash,
            "o.verb = 'trash' AND o.undone_at IS NULL AND o.purged_at IS NULL",
            [],
        ),
    ]
    kept = [(sql, values) for wanted, sql, values in tests if wanted]
    return " AND ".join(["1", *(sql for sql, _ in kept)]), [v for _, vs in kept for v in vs]


def _place(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal()):
        raise Invalid("the page cursor is damaged", hint="Start again from the first page.")
    return int(cursor)


def _operation(row: sqlite3.Row) -> Operation:
    final = row["undone_at"] is not None or row["purged_at"] is not None
    return Operation(
        id=row["id"],
        at=row["at"],
        actor=row["actor"],
        verb=row["verb"],
        project=row["project"],
        target=json.loads(row["target"]),
        undoable=row["verb"] in UNDOABLE and not final,
        undone_at=row["undone_at"],
        undone_by=row["undone_by"],
        purged_at=row["purged_at"],
    )
