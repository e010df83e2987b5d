"""Named JSON documents: saved batches, views, layouts and presets, per project or for all."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.catalog.store import Tx
from appliance.core import Conflict, NotFound, new_key, now_ms

if TYPE_CHECKING:
    from appliance.catalog.history import Operation

__all__ = [
    "Document",
    "check_doc",
    "delete_doc",
    "get_doc",
    "list_docs",
    "put_doc",
    "revert_doc",
]


class Document(msgspec.Struct, frozen=True):
    """One named document; `rev` grows with every change."""

    key: str
    kind: str
    name: str
    rev: int
    updated_at: int
    doc: Any


def put_doc(
    tx: Tx,
    kind: str,
    name: str,
    doc: Any,
    *,
    project_id: int | None = None,
    rev: int | None = None,
    actor: str = "",
) -> Document:
    """Make or replace a document.

    Parameters
    ----------
    rev : int, optional
        The revision the change was made from.
    actor : str
        Who does it; then the change goes into the history and can be undone.

    Raises
    ------
    Conflict
        If `rev` is given and is no longer the present one.
    """
    old = _find(tx.con, kind, name, project_id)
    if rev is not None and (old["rev"] if old else 0) != rev:
        raise Conflict(f"{kind} {name!r} was changed meanwhile", hint="Load it again, then save.")
    if old is None:
        tx.con.execute(
            "INSERT INTO json_docs (key, kind, project_id, name, doc, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (new_key(), kind, project_id, name, json.dumps(doc), now_ms()),
        )
    else:
        tx.con.execute(
            "UPDATE json_docs SET doc = ?, rev = rev + 1, updated_at = ? WHERE id = ?",
            (json.dumps(doc), now_ms(), old["id"]),
        )
    _tell(tx, kind, name, project_id)
    if actor:
        target = {"kind": kind, "name": name, "project_id": project_id}
        before = _before(old) if old is not None else None
        tx.operation("put_doc", actor=actor, target=target, before=before)
    return get_doc(tx.con, kind, name, project_id=project_id)


def get_doc(
    con: sqlite3.Connection, kind: str, name: str, *, project_id: int | None = None
) -> Document:
    """Give a document.

    Raises
    ------
    NotFound
        If there is none of that kind and name.
    """
    row = _find(con, kind, name, project_id)
    if row is None:
        raise NotFound(f"no {kind} named {name!r}")
    return _document(row)


def list_docs(
    con: sqlite3.Connection, kind: str, *, project_id: int | None = None
) -> list[Document]:
    """Give the documents of a kind, by name: the project's own and those for all projects."""
    rows = con.execute(
        "SELECT * FROM json_docs WHERE kind = ? AND (project_id IS NULL OR project_id = ?)"
        " ORDER BY name",
        (kind, project_id),
    ).fetchall()
    return [_document(row) for row in rows]


def delete_doc(tx: Tx, kind: str, name: str, *, project_id: int | None = None, actor: str) -> int:
    """Remove a document; the operation keeps its content.

    Returns
    -------
    int
        Id of the operation.
    """
    row = _find(tx.con, kind, name, project_id)
    if row is None:
        raise NotFound(f"no {kind} named {name!r}")
    tx.con.execute("DELETE FROM json_docs WHERE id = ?", (row["id"],))
    _tell(tx, kind, name, project_id)
    target = {"kind": kind, "name": name, "project_id": project_id}
    return tx.operation("delete_doc", actor=actor, target=target, before=_before(row))


def check_doc(con: sqlite3.Connection, operation: Operation) -> None:
    """Refuse to take a change back over a later one of the same document.

    Raises
    ------
    Conflict
        If the document was changed again, or made anew.
    """
    later = con.execute(
        "SELECT id FROM operations WHERE verb IN ('put_doc', 'delete_doc') AND undone_at IS NULL"
        " AND id > ? AND json_extract(target, '$.kind') = ?"
        " AND json_extract(target, '$.name') = ? COLLATE NOCASE AND project_id IS ?",
        (operation.id, *_place(operation)),
    ).fetchone()
    taken = operation.verb == "delete_doc" and _find(con, *_place(operation)) is not None
    if later is not None or taken:
        raise Conflict("it was changed again later", hint="Take the later change back first.")


def revert_doc(tx: Tx, operation: Operation) -> None:
    """Bring a document back to what it was before an operation."""
    kind, name, project_id = _place(operation)
    raw = tx.con.execute("SELECT before FROM operations WHERE id = ?", (operation.id,)).fetchone()
    before = json.loads(raw["before"]) if raw["before"] else None
    if before is not None:
        put_doc(tx, kind, name, before["doc"], project_id=project_id)
        return
    row = _find(tx.con, kind, name, project_id)
    if row is not None:
        tx.con.execute("DELETE FROM json_docs WHERE id = ?", (row["id"],))
        _tell(tx, kind, name, project_id)


def _place(operation: Operation) -> tuple[str, str, int | None]:
    target = operation.target
    return target["kind"], target["name"], target["project_id"]


def _before(row: sqlite3.Row) -> dict[str, Any]:
    return {"doc": json.loads(row["doc"]), "rev": row["rev"]}


def _tell(tx: Tx, kind: str, name: str, project_id: int | None) -> None:
    row = tx.con.execute("SELECT name FROM projects WHERE id = ?", (project_id,)).fetchone()
    tx.event("docs.changed", kind=kind, name=name, project=row["name"] if row else None)


def _find(
    con: sqlite3.Connection, kind: str, name: str, project_id: int | None
) -> sqlite3.Row | None:
    row: sqlite3.Row | None = con.execute(
        "SELECT * FROM json_docs WHERE kind = ? AND ifnull(project_id, 0) = ? AND name = ?",
        (kind, project_id or 0, name),
    ).fetchone()
    return row


def _document(row: sqlite3.Row) -> Document:
    return Document(
        row["key"], row["kind"], row["name"], row["rev"], row["updated_at"], json.loads(row["doc"])
    )
