"""Named JSON documents: saved batches, views, layouts and presets, per project or for all."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import msgspec

from appliance.catalog.store import Tx
from appliance.core import Conflict, NotFound, new_key, now_ms

__all__ = ["Document", "delete_doc", "get_doc", "list_docs", "put_doc"]


class Document(msgspec.Struct, frozen=True):
    """One named document; `rev` grows with every change."""

    key: str
    kind: str
    name: str
    rev: int
    updated_at: int
    doc: Any


def put_doc(
    tx: Tx, kind: str, name: str, doc: Any, *, project_id: int | None = None, rev: int | None = None
) -> Document:
    """Make or replace a document.

    Parameters
    ----------
    rev : int, optional
        The revision the change was made from.

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
    tx.event("docs.changed", kind=kind, name=name)
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
    tx.event("docs.changed", kind=kind, name=name)
    target = {"kind": kind, "name": name, "project_id": project_id}
    before = {"doc": json.loads(row["doc"]), "rev": row["rev"]}
    return tx.operation("delete_doc", actor=actor, target=target, before=before)


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
