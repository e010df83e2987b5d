"""Taking operations back: the newest change of a thing first, never over a later one.

Changes of names are taken back where the disk is changed; this module knows the rest.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from appliance.catalog.documents import check_doc, revert_doc
from appliance.catalog.history import find_operation, parts_of
from appliance.catalog.projects import require_open, undo_project_change
from appliance.catalog.reads import get_project
from appliance.catalog.tags import revert_tags
from appliance.catalog.trash import check_trash, revert_trash
from appliance.core import Conflict, now_ms

if TYPE_CHECKING:
    from appliance.catalog.history import Operation
    from appliance.catalog.store import Catalog, Tx

__all__ = ["check_undo", "finish_undos", "mark_undone", "undo", "undo_all"]

_DOCS = frozenset({"put_doc", "delete_doc"})
_PROJECTS = frozenset({"project-settings", "project-state"})
_HERE = frozenset({"tag", "trash"}) | _DOCS | _PROJECTS


def undo(tx: Tx, operation_id: int, actor: str) -> None:
    """Take an operation back in the present transaction.

    Raises
    ------
    NotFound
        If there is no such operation.
    Conflict
        If it was undone already, cannot be, or a later change stands in the way.
    """
    operation = _begin(tx, operation_id, actor)
    for n, data in parts_of(tx.con, operation_id, undone=False):
        _revert(tx, operation, n, data)


def undo_all(catalog: Catalog, operation_id: int, actor: str) -> None:
    """Take an operation of any size back, in short transactions.

    Raises
    ------
    NotFound, Conflict
        As `undo` does.
    """
    with catalog.read() as con:  # comparing with what came later may take long: not in the writer
        check_undo(con, find_operation(con, operation_id))
        seen = _last(con)
    operation = catalog.write(lambda tx: _begin(tx, operation_id, actor, seen))
    _revert_parts(catalog, operation)


def finish_undos(catalog: Catalog) -> int:
    """Go on with what was being taken back when the service was cut; count the operations."""
    with catalog.read() as con:
        rows = con.execute(
            "SELECT DISTINCT o.id FROM operation_parts p JOIN operations o"
            " ON o.id = p.operation_id WHERE o.undone_at IS NOT NULL AND p.undone = 0"
        ).fetchall()
        waiting = [find_operation(con, row[0]) for row in rows]
    for operation in waiting:
        _revert_parts(catalog, operation)
    return len(waiting)


def check_undo(con: sqlite3.Connection, operation: Operation) -> None:
    """Refuse to take back what was taken back, is final, or was changed later by another.

    Raises
    ------
    Conflict
        Saying which operation has to be taken back first.
    """
    if operation.purged_at is not None:
        raise Conflict("this was deleted for good", hint="A backup may still hold it.")
    if operation.undone_at is not None:
        raise Conflict(f"operation {operation.id} was undone already")
    if not operation.undoable:
        raise Conflict(f"operation {operation.id} ({operation.verb}) cannot be undone")
    if operation.project is not None and operation.verb not in _PROJECTS:
        require_open(con, get_project(con, operation.project).id)
    if operation.verb == "trash":
        check_trash(con, operation.id)
    elif operation.verb == "tag":
        _check_tags(con, operation)
    elif operation.verb in _DOCS:
        check_doc(con, operation)


def mark_undone(tx: Tx, operation: Operation, actor: str) -> None:
    """Write down that an operation is taken back, and by whom."""
    tx.con.execute(
        "UPDATE operations SET undone_at = ?, undone_by = ? WHERE id = ?",
        (now_ms(), actor, operation.id),
    )
    row = tx.con.execute("SELECT project_id FROM operations WHERE id = ?", (operation.id,))
    target = {
        "project_id": row.fetchone()[0],
        "operation": operation.id,
        "verb": operation.verb,
        "of": {key: value for key, value in operation.target.items() if key != "project_id"},
    }
    tx.operation("undo", actor=actor, target=target)


def _last(con: sqlite3.Connection) -> int:
    return int(con.execute("SELECT ifnull(max(id), 0) FROM operations").fetchone()[0])


def _begin(tx: Tx, operation_id: int, actor: str, seen: int = -1) -> Operation:
    """Mark an operation as undone; `seen` is the last one that it was compared with."""
    operation = find_operation(tx.con, operation_id)
    if operation.undone_at is not None or _last(tx.con) != seen:
        check_undo(tx.con, operation)
    if operation.verb not in _HERE:
        raise Conflict(f"operation {operation_id} ({operation.verb}) is taken back elsewhere")
    mark_undone(tx, operation, actor)
    if operation.verb in _DOCS:
        revert_doc(tx, operation)
    elif operation.verb in _PROJECTS:
        select = "SELECT * FROM operations WHERE id = ?"
        undo_project_change(tx, tx.con.execute(select, (operation_id,)).fetchone())
    return operation


def _revert_parts(catalog: Catalog, operation: Operation) -> None:
    with catalog.read() as con:
        parts = parts_of(con, operation.id, undone=False)
    for n, data in parts:
        catalog.write(lambda tx, n=n, data=data: _revert(tx, operation, n, data))  # type: ignore[misc]


def _revert(tx: Tx, operation: Operation, n: int, data: dict[str, Any]) -> None:
    if operation.verb == "tag":
        revert_tags(tx, data)
    else:
        revert_trash(tx, operation.target, data)
    tx.con.execute(
        "UPDATE operation_parts SET undone = 1 WHERE operation_id = ? AND n = ?",
        (operation.id, n),
    )


def _check_tags(con: sqlite3.Connection, operation: Operation) -> None:
    """A later change of the same tag on the same row has to be taken back first."""
    own = _touched(con, operation.id)
    later = con.execute(
        "SELECT id FROM operations WHERE verb = 'tag' AND undone_at IS NULL AND id > ?"
        " AND ifnull(project_id, 0) = ifnull("
        " (SELECT project_id FROM operations WHERE id = ?), 0) ORDER BY id DESC",
        (operation.id, operation.id),
    ).fetchall()
    for row in later:
        if any(own[key] & ids for key, ids in _touched(con, row[0]).items() if key in own):
            raise Conflict(
                f"operation {row[0]} changed the same tags later",
                hint="Take that one back first.",
                operation_id=row[0],
            )


def _touched(con: sqlite3.Connection, operation_id: int) -> dict[tuple[str, str], set[int]]:
    """Give the rows whose tags an operation really changed, by level and tag."""
    found: dict[tuple[str, str], set[int]] = {}
    rows = con.execute(
        "SELECT data FROM operation_parts WHERE operation_id = ?", (operation_id,)
    ).fetchall()
    for row in rows:
        part = json.loads(row[0])
        for change in ("add", "remove"):
            for name, ids in part[change].items():
                found.setdefault((part["level"], name.casefold()), set()).update(ids)
    return found
