"""Many files of one study into the catalog at once, with one event; and their custom fields."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from appliance.catalog.store import Tx
from appliance.core import new_key, now_ms

__all__ = ["NewFile", "add_files", "fields_of", "set_fields"]

_PUT_FILE = (
    "INSERT INTO files (key, project_id, study_id, path_id, size_bytes, mtime_ns, kind, origin,"
    " created_at) SELECT ?, ?, ?, id, ?, ?, ?, ?, ? FROM paths WHERE path = ?"
    " ON CONFLICT (study_id, path_id) DO UPDATE SET size_bytes = excluded.size_bytes,"
    " mtime_ns = excluded.mtime_ns, sha256 = NULL, kind = excluded.kind,"
    " origin = excluded.origin, header = NULL, trashed_at = NULL RETURNING id"
)
_PUT_META = (
    "INSERT INTO meta (file_id, doc, mtime_ns, rev) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (file_id) DO UPDATE SET doc = excluded.doc, mtime_ns = excluded.mtime_ns,"
    " rev = excluded.rev"
)


class NewFile(msgspec.Struct, frozen=True):
    """A file as it is entered; `doc` is the text of a JSON file whose content is to be found."""

    path: str
    size_bytes: int
    mtime_ns: int
    kind: str
    doc: str | None = None


def add_files(tx: Tx, study_id: int, files: Sequence[NewFile], *, origin: str) -> list[int]:
    """Enter the files of a study, or bring their rows up to date; gives their ids in order."""
    if not files:
        return []
    row = tx.con.execute(
        "SELECT s.project_id, p.name FROM studies s JOIN projects p ON p.id = s.project_id"
        " WHERE s.id = ?",
        (study_id,),
    ).fetchone()
    tx.con.executemany(
        "INSERT INTO paths (path, path_fold) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
        [(file.path, file.path.casefold()) for file in files],
    )
    ids = [_put(tx, row["project_id"], study_id, file, origin) for file in files]
    _put_docs(tx, zip(ids, files, strict=True))
    tx.event("files.changed", project=row["name"], study_id=study_id, file_ids=ids)
    return ids


def _put(tx: Tx, project_id: int, study_id: int, file: NewFile, origin: str) -> int:
    facts = (file.size_bytes, file.mtime_ns, file.kind, origin, now_ms(), file.path)
    found = tx.con.execute(_PUT_FILE, (new_key(), project_id, study_id, *facts))
    return int(found.fetchone()[0])


def _put_docs(tx: Tx, files: Iterable[tuple[int, NewFile]]) -> None:
    rev = tx.con.execute("SELECT ifnull(max(rev), 0) FROM meta").fetchone()[0]
    rows = [
        (file_id, file.doc, file.mtime_ns, rev + n)
        for n, (file_id, file) in enumerate(files, 1)
        if file.doc is not None
    ]
    tx.con.executemany(_PUT_META, rows)


def set_fields(tx: Tx, level: str, x_id: int, values: Mapping[str, Any]) -> None:
    """Set custom fields of a subject or study; None takes a value away."""
    for name, value in values.items():
        if value is None:
            tx.con.execute(
                "DELETE FROM field_values WHERE level = ? AND x_id = ? AND name = ?",
                (level, x_id, name),
            )
        else:
            tx.con.execute(
                "INSERT INTO field_values (level, x_id, name, value) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (level, x_id, name) DO UPDATE SET value = excluded.value",
                (level, x_id, name, json.dumps(value)),
            )


def fields_of(con: sqlite3.Connection, level: str, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Give the custom fields of many subjects or studies."""
    found: dict[int, dict[str, Any]] = {i: {} for i in ids}
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        rows = con.execute(
            "SELECT x_id, name, value FROM field_values WHERE level = ?"
            f" AND x_id IN ({','.join('?' * len(chunk))}) ORDER BY name",
            (level, *chunk),
        )
        for row in rows.fetchall():
            found[row["x_id"]][row["name"]] = json.loads(row["value"])
    return found
