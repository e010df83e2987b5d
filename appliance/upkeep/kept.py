"""What people made beside files, kept on disk: saved batches, rules, views, presets, variables.

One file for each project, and one for what is for all, lie in ``kept`` of the data folder: where
no job can write, because rules start batches with the rights of their owners.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import Catalog, Tx, is_purged, put_doc
from appliance.core import DataFolder, atomic_write
from appliance.jobs import dump_rules, restore_rules

__all__ = ["Kept", "kept_projects", "restore_for_all", "restore_kept", "write_kept"]

_LOG = logging.getLogger(__name__)
_FOLDER, _FOR_ALL = "kept", "all"
_PROJECTS = "SELECT id, key, name, module, state, policy FROM projects"
_DOCS = "SELECT kind, name, doc FROM json_docs WHERE project_id IS ? ORDER BY kind, name"
_HAS = "SELECT 1 FROM json_docs WHERE kind = ? AND name = ? AND project_id IS ?"


class KeptDoc(msgspec.Struct, frozen=True):
    """One named document."""

    kind: str
    name: str
    doc: Any


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one project; without a name: what is for all."""

    format: int = 1
    key: str = ""
    name: str = ""
    module: str = ""
    state: str = "active"
    policy: dict[str, Any] = {}
    docs: list[KeptDoc] = []
    rules: list[dict[str, Any]] = []


def write_kept(catalog: Catalog, folder: DataFolder) -> int:
    """Bring the files up to date; count those written. A swept project leaves nothing."""
    with catalog.read() as con:
        rows = con.execute(_PROJECTS).fetchall()
        swept = [row["key"] for row in rows if is_purged(con, row["id"])]
        found = [_of_project(con, row) for row in rows if row["key"] not in swept]
        found.append(Kept(docs=_docs(con, None)))
    for key in swept:
        _path(folder, key).unlink(missing_ok=True)
    return sum(_write(_path(folder, one.key), one) for one in found)


def kept_projects(folder: DataFolder) -> list[Kept]:
    """Give what is kept of projects, by their names."""
    paths = [path for path in (folder.root / _FOLDER).glob("*.json") if path.stem != _FOR_ALL]
    found = [one for path in paths if (one := _read(path)) is not None and one.name and one.key]
    return sorted(found, key=lambda one: one.name)


def restore_kept(tx: Tx, folder: DataFolder, project_id: int, key: str) -> int:
    """Enter what is kept of a project, where the catalog lacks it; count it."""
    kept = _read(_path(folder, key)) if key else None
    if kept is None:
        return 0
    n = _restore_docs(tx, kept.docs, project_id)
    return n + restore_rules(tx, project_id, kept.rules)


def restore_for_all(tx: Tx, folder: DataFolder) -> int:
    """Enter what is kept for all projects, where the catalog lacks it; count it."""
    kept = _read(_path(folder, ""))
    return 0 if kept is None else _restore_docs(tx, kept.docs, None)


def _of_project(con: sqlite3.Connection, row: sqlite3.Row) -> Kept:
    facts = {name: row[name] for name in ("key", "name", "module", "state")}
    return Kept(
        **facts,
        policy=json.loads(row["policy"]),
        docs=_docs(con, row["id"]),
        rules=dump_rules(con, row["id"]),
    )


def _docs(con: sqlite3.Connection, project_id: int | None) -> list[KeptDoc]:
    rows = con.execute(_DOCS, (project_id,)).fetchall()
    return [KeptDoc(row["kind"], row["name"], json.loads(row["doc"])) for row in rows]


def _restore_docs(tx: Tx, docs: list[KeptDoc], project_id: int | None) -> int:
    n = 0
    for one in docs:
        if tx.con.execute(_HAS, (one.kind, one.name, project_id)).fetchone() is None:
            put_doc(tx, one.kind, one.name, one.doc, project_id=project_id)
            n += 1
    return n


def _path(folder: DataFolder, key: str) -> Path:
    return folder.root / _FOLDER / f"{key or _FOR_ALL}.json"


def _write(path: Path, kept: Kept) -> int:
    body = msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n"
    if path.is_file() and path.read_bytes() == body:
        return 0
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with atomic_write(path, mode=0o600) as stream:
        stream.write(body)
    return 1


def _read(path: Path) -> Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        _LOG.warning("%s cannot be read: what it kept is not brought back", path)
        return None
