"""Many files into the catalog at once, with one event a study; and custom fields."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from appliance.catalog.path_rows import names_of_studies, put_paths
from appliance.catalog.projects import CustomField, project_settings, require_open
from appliance.catalog.reads import get_project
from appliance.catalog.store import Tx
from appliance.catalog.templates import intern_path
from appliance.catalog.writes import revive_study
from appliance.core import Invalid, NotFound, new_keys, now_ms

__all__ = [
    "NewFile",
    "add_files",
    "change_fields",
    "enter_files",
    "fields_of",
    "fields_within",
    "put_headers",
    "set_fields",
]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

# Each statement takes its rows as one JSON text: while SQLite works, other threads of Python may.
_ROWS = (
    " FROM json_each(?1) j CROSS JOIN paths p ON p.path = j.value ->> 2"
    " CROSS JOIN studies s ON s.id = j.value ->> 0"
)
_PUT_FILES = (
    "INSERT INTO files (key, project_id, study_id, path_id, size_bytes, mtime_ns, kind, origin,"
    " created_at) SELECT j.value ->> 1, s.project_id, s.id, p.id, j.value ->> 3, j.value ->> 4,"
    f" j.value ->> 5, ?2, ?3 {_ROWS} WHERE true"
    " ON CONFLICT (study_id, path_id) DO UPDATE SET size_bytes = excluded.size_bytes,"
    " mtime_ns = excluded.mtime_ns, sha256 = NULL, kind = excluded.kind,"
    " origin = excluded.origin, header = NULL, trashed_at = NULL"
)
_IDS = (
    "SELECT json_group_array(id) FROM (SELECT f.id"
    f" {_ROWS} CROSS JOIN files f ON f.study_id = s.id AND f.path_id = p.id ORDER BY j.key)"
)
_PUT_META = (
    "INSERT INTO meta (file_id, doc, mtime_ns, rev) SELECT value ->> 0, value ->> 1, value ->> 2,"
    " (SELECT ifnull(max(rev), 0) FROM meta) + key + 1 FROM json_each(?1) WHERE true"
    " ON CONFLICT (file_id) DO UPDATE SET doc = excluded.doc, mtime_ns = excluded.mtime_ns,"
    " rev = excluded.rev"
)
_PUT_HEADERS = (
    "UPDATE files SET header = j.value ->> 1 FROM json_each(?1) j WHERE files.id = j.value ->> 0"
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
    return enter_files(tx, [(study_id, files)], origin=origin)


def enter_files(
    tx: Tx, studies: Sequence[tuple[int, Sequence[NewFile]]], *, origin: str
) -> list[int]:
    """Enter files of many studies, or bring their rows up to date; gives their ids in order.

    Parameters
    ----------
    studies : sequence of (int, sequence of NewFile)
        Ids of studies, and what is in them.
    """
    files = [(study_id, file) for study_id, some in studies for file in some]
    if not files:
        return []
    kept = _kept(tx, studies)
    put_paths(tx.con, dict.fromkeys(kept))
    rows = msgspec.json.encode(
        [
            (study_id, key, path, f.size_bytes, f.mtime_ns, f.kind)
            for key, path, (study_id, f) in zip(new_keys(len(files)), kept, files, strict=True)
        ]
    ).decode()
    tx.con.execute(_PUT_FILES, (rows, origin, now_ms()))
    ids: list[int] = json.loads(tx.con.execute(_IDS, (rows,)).fetchone()[0])
    docs = [
        (i, f.doc, f.mtime_ns) for i, (_, f) in zip(ids, files, strict=True) if f.doc is not None
    ]
    tx.con.execute(_PUT_META, (msgspec.json.encode(docs).decode(),))
    _tell(tx, studies, ids)
    return ids


def _kept(tx: Tx, studies: Sequence[tuple[int, Sequence[NewFile]]]) -> list[str]:
    """Give the forms in which the paths of files are kept, in their order."""
    names = names_of_studies(tx.con, [study_id for study_id, _ in studies])
    return [
        intern_path(file.path, names[study_id].pid, names[study_id].sid)
        for study_id, files in studies
        for file in files
    ]


def _tell(tx: Tx, studies: Sequence[tuple[int, Sequence[NewFile]]], ids: Sequence[int]) -> None:
    """Take the studies out of the trash, and tell of their files."""
    known = {
        row["id"]: row
        for row in tx.con.execute(
            "SELECT s.id, s.trashed_at, p.name FROM json_each(?) j JOIN studies s ON s.id = j.value"
            " JOIN projects p ON p.id = s.project_id",
            (json.dumps([study_id for study_id, _ in studies]),),
        )
    }
    first = 0
    for study_id, files in studies:
        if files and known[study_id]["trashed_at"] is not None:
            revive_study(tx, study_id)
        here = list(ids[first : first + len(files)])
        first += len(files)
        if here:
            name = known[study_id]["name"]
            tx.event("files.changed", project=name, study_id=study_id, file_ids=here)


def put_headers(tx: Tx, headers: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Fill in what the headers of many images say."""
    rows = [(file_id, json.dumps(header)) for file_id, header in headers]
    tx.con.execute(_PUT_HEADERS, (json.dumps(rows),))


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
