"""What a project is, beside its folders: one small file in each, from which it can be made again.

It holds the project's key, by which identities are found, its settings, and whether it lies in the
archive or in the trash.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import Catalog, Tx, create_project, set_project_state
from appliance.core import DataFolder, atomic_write
from appliance.upkeep.kept import kept_projects, restore_for_all, restore_kept

__all__ = ["PROJECT_NOTE", "adopt_projects", "write_project_notes"]

PROJECT_NOTE = ".nora-project.json"
_LOG = logging.getLogger(__name__)
_ACTOR = "rescan"


class ProjectNote(msgspec.Struct, frozen=True, kw_only=True):
    """All that a project's folders do not tell."""

    key: str
    format: int = 1
    module: str = ""
    state: str = "active"
    policy: dict[str, Any] = {}


def write_project_notes(catalog: Catalog, folder: DataFolder) -> int:
    """Bring the notes of all projects that have a folder up to date; count those written.

    The note of another project of the same name, whose catalog was lost, is left as it is.
    """
    with catalog.read() as con:
        rows = con.execute("SELECT name, key, module, state, policy FROM projects").fetchall()
    written = 0
    for row in rows:
        path = folder.projects / row["name"] / PROJECT_NOTE
        note = ProjectNote(
            key=row["key"],
            module=row["module"],
            state=row["state"],
            policy=json.loads(row["policy"]),
        )
        body = msgspec.json.format(msgspec.json.encode(note), indent=1) + b"\n"
        if not path.parent.is_dir() or (path.is_file() and path.read_bytes() == body):
            continue
        old = _read(path)
        if old is not None and old.key != note.key:
            continue
        folder.check_marker(folder.projects)
        with atomic_write(path) as stream:
            stream.write(body)
        written += 1
    return written


def adopt_projects(catalog: Catalog, folder: DataFolder) -> list[str]:
    """Make the projects again that are noted on disk but unknown to the catalog.

    They keep their keys, and with them the codes of their subjects, and what people made in them
    beside files; names are given back. What is in their folders is entered by `rescan`.
    """
    with catalog.read() as con:
        known = {row[0].casefold() for row in con.execute("SELECT name FROM projects").fetchall()}
    if not known:
        catalog.write(lambda tx: restore_for_all(tx, folder))
    made = []
    for name, note in _noted(folder):
        if name.casefold() in known:
            continue
        known.add(name.casefold())
        catalog.write(lambda tx, name=name, note=note: _make(tx, folder, name, note))  # type: ignore[misc]
        _LOG.warning("project %s was made again from the disk", name)
        made.append(name)
    return made


def _noted(folder: DataFolder) -> Iterator[tuple[str, ProjectNote]]:
    """Give the projects that have a folder with a note, then those without a folder."""
    for entry in sorted(os.scandir(folder.projects), key=lambda entry: entry.name):
        note = _read(Path(entry.path) / PROJECT_NOTE) if entry.is_dir() else None
        if note is not None:
            yield entry.name, note
    for kept in kept_projects(folder):
        facts = {name: getattr(kept, name) for name in ("key", "module", "state", "policy")}
        yield kept.name, ProjectNote(**facts)


def _make(tx: Tx, folder: DataFolder, name: str, note: ProjectNote) -> None:
    project = create_project(tx, name, note.module, note.policy)
    tx.con.execute("UPDATE OR IGNORE projects SET key = ? WHERE id = ?", (note.key, project.id))
    restore_kept(tx, folder, project.id, note.key)
    if note.state != "active":
        set_project_state(tx, name, note.state, actor=_ACTOR)


def _read(path: Path) -> ProjectNote | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ProjectNote)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError):
        _LOG.warning("%s of project %s cannot be read", PROJECT_NOTE, path.parent.name)
        return None
