"""Many files of one study into the catalog at once, with one event; and their custom fields."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from appliance.catalog.projects import CustomField, project_settings, require_open
from appliance.catalog.reads import get_project
from appliance.catalog.store import Tx
from appliance.catalog.writes import revive_study
from appliance.core import Invalid, NotFound, new_key, now_ms

__all__ = ["NewFile", "add_files", "change_fields", "fields_of", "fields_within", "set_fields"]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

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
    revive_study(tx, study_id)
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


def change_fields(tx: Tx, level: str, x_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set custom fields that the project has, by hand; gives all values there are then.

    Raises
    ------
    NotFound
        If there is no such subject or study.
    Invalid
        If the project has no such field, or a value is none of its kind.
    """
    table = {"subject": "subjects", "study": "studies"}[level]
    row = tx.con.execute(
        f"SELECT p.name FROM {table} x JOIN projects p ON p.id = x.project_id WHERE x.id = ?",
        (x_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"no {level} with id {x_id}")
    project = get_project(tx.con, row["name"])
    require_open(tx.con, project.id)
    known = {f.name.casefold(): f for f in project_settings(project).fields if f.level == level}
    for name, value in values.items():
        _check_value(known.get(name.casefold()), name, value)
    set_fields(tx, level, x_id, values)
    tx.event("fields.changed", project=project.name, level=level, id=x_id)
    return fields_of(tx.con, level, [x_id])[x_id]


def _check_value(field: CustomField | None, name: str, value: Any) -> None:
    if value is None:
        return
    if field is None:
        raise Invalid(f"the project has no field {name!r}", hint="Add it in its settings.")
    fits = {
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "flag": isinstance(value, bool),
        "choice": value in field.choices,
        "date": isinstance(value, str) and bool(_DATE.fullmatch(value)),
        "text": isinstance(value, str),
    }
    if not fits[field.kind]:
        raise Invalid(f"{value!r} is no {field.kind} for the field {name!r}")


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


def fields_within(
    con: sqlite3.Connection, project_id: int, level: str, names: Sequence[str]
) -> dict[int, dict[str, Any]]:
    """Give some custom fields of all subjects or studies of a project, by the names asked for."""
    table = {"subject": "subjects", "study": "studies"}[level]
    found: dict[int, dict[str, Any]] = {}
    for name in names:
        rows = con.execute(
            f"SELECT v.x_id, v.value FROM field_values v CROSS JOIN {table} x ON x.id = v.x_id"
            " WHERE v.level = ? AND v.name = ? AND x.project_id = ?",
            (level, name, project_id),
        )
        for row in rows.fetchall():
            found.setdefault(row["x_id"], {})[name] = json.loads(row["value"])
    return found
