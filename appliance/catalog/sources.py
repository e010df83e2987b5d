"""Folders outside the data folder whose files a project shows, and where their links may lead."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog.store import Tx
from appliance.core import (
    DataFolder,
    Invalid,
    NotFound,
    atomic_write,
    new_key,
    now_ms,
    safe_join,
)

__all__ = [
    "Source",
    "add_source",
    "get_source",
    "linked_folders",
    "linked_join",
    "list_sources",
    "mark_scanned",
    "write_linked_roots",
]

_ROOTS_FILE = "linked.json"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One folder of existing data.

    Attributes
    ----------
    root : str
        Absolute path of the folder.
    layout : {"bids", "pattern"}
        How subjects and studies are told from paths.
    mode : {"stay", "link", "copy"}
        ``stay``: the project holds symbolic links; ``link``: hard links; ``copy``: copies.
    options : dict
        What else the reading was told, such as the pattern.
    """

    id: int
    key: str
    project_id: int
    project: str
    root: str
    layout: str
    mode: str
    options: dict[str, Any]
    created_at: int
    scanned_at: int | None


_SELECT = "SELECT s.*, p.name AS project FROM sources s JOIN projects p ON p.id = s.project_id"


def add_source(
    tx: Tx, project_id: int, root: str, *, layout: str, mode: str, options: Mapping[str, Any]
) -> Source:
    """Record a folder of a project, or change how it is read; files that are in stay."""
    tx.con.execute(
        "INSERT INTO sources (key, project_id, root, layout, mode, options, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project_id, root) DO UPDATE SET"
        " layout = excluded.layout, mode = excluded.mode, options = excluded.options",
        (new_key(), project_id, root, layout, mode, json.dumps(dict(options)), now_ms()),
    )
    row = tx.con.execute(
        f"{_SELECT} WHERE s.project_id = ? AND s.root = ?", (project_id, root)
    ).fetchone()
    tx.event("projects.changed", project=row["project"])
    return _source(row)


def get_source(con: sqlite3.Connection, key: str) -> Source:
    """Give a folder of existing data by key.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = con.execute(f"{_SELECT} WHERE s.key = ?", (key,)).fetchone()
    if row is None:
        raise NotFound(f"no source {key!r}")
    return _source(row)


def list_sources(con: sqlite3.Connection, project_id: int | None = None) -> list[Source]:
    """Give the folders of existing data of a project, or of all."""
    rows = con.execute(
        f"{_SELECT} WHERE ? IS NULL OR s.project_id = ? ORDER BY s.id", (project_id, project_id)
    ).fetchall()
    return [_source(row) for row in rows]


def mark_scanned(tx: Tx, source_id: int) -> None:
    """Note that a folder has just been read."""
    tx.con.execute("UPDATE sources SET scanned_at = ? WHERE id = ?", (now_ms(), source_id))


def write_linked_roots(con: sqlite3.Connection, folder: DataFolder) -> None:
    """Write down, where no job can change it, which folders a project's links may lead to."""
    before = _linked_roots(folder)  # they outlive a catalog that is built anew
    roots = {project: list(known) for project, known in before.items()}
    for source in list_sources(con):
        known = roots.setdefault(source.project, [])
        root = os.path.realpath(source.root)
        if source.mode == "stay" and root not in known:
            known.append(root)
    if roots == before:
        return
    with atomic_write(folder.root / _ROOTS_FILE, mode=0o600) as stream:
        stream.write(json.dumps(roots).encode())


def linked_join(folder: DataFolder, project: str, *names: str) -> Path:
    """Join names below a project; a link may lead out only into the project's own sources.

    Raises
    ------
    Invalid
        If a name, or a link, leads elsewhere.
    """
    try:
        return safe_join(folder.projects, project, *names)
    except Invalid:
        parent = safe_join(folder.projects, project, *names[:-1], *_parent_of(names[-1]))
        path = parent / names[-1].rpartition("/")[2]
        if path.is_symlink() and _leads_to_source(folder, project, path):
            return path
        raise


def linked_folders(folder: DataFolder, project: str | None = None) -> list[Path]:
    """Give all folders that links of a project, or of any, may lead into; they are never ours."""
    linked = _linked_roots(folder)
    roots = {root for name in linked if project in (None, name) for root in linked[name]}
    return [Path(root) for root in sorted(roots)]


def _parent_of(name: str) -> list[str]:
    parent = name.rpartition("/")[0]
    return [parent] if parent else []


def _leads_to_source(folder: DataFolder, project: str, path: Path) -> bool:
    real = path.resolve()
    if real.is_relative_to(folder.root.resolve()):
        return False
    return any(real.is_relative_to(root) for root in _linked_roots(folder).get(project, ()))


def _linked_roots(folder: DataFolder) -> dict[str, list[str]]:
    try:
        found: dict[str, list[str]] = json.loads((folder.root / _ROOTS_FILE).read_bytes())
    except FileNotFoundError:
        return {}
    return found


def _source(row: sqlite3.Row) -> Source:
    facts = {name: row[name] for name in Source.__struct_fields__}
    return Source(**{**facts, "options": json.loads(row["options"])})
