"""Projects that have lain in the trash for long enough: which they are, and their rows' end.

What stays is the project's name and key, the names of its subjects and studies, and what tells of
DICOM originals, which are never ours to delete.
"""

from __future__ import annotations

import json
import sqlite3

import msgspec

from appliance.catalog.history import tell_files
from appliance.catalog.store import Tx
from appliance.core import now_ms

__all__ = [
    "TrashedProject",
    "empty_project",
    "is_purged",
    "mark_project_purged",
    "purged_projects",
    "trashed_projects",
]

_SELECT = (
    "SELECT p.id, p.name, p.key, max(o.id) AS operation, o.at, o.purged_at FROM projects p"
    " LEFT JOIN operations o ON o.project_id = p.id AND o.verb = 'project-state'"
    "  AND o.undone_at IS NULL AND json_extract(o.target, '$.state') = 'trashed'"
    " WHERE p.state = 'trashed' GROUP BY p.id ORDER BY p.name"
)


class TrashedProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project in the trash; `operation` put it there, and `at` is when."""

    id: int
    name: str
    operation: int
    at: int


def trashed_projects(con: sqlite3.Connection) -> list[TrashedProject]:
    """Give the projects that can still be taken out of the trash, by name."""
    return [_project(row) for row in _rows(con) if row["purged_at"] is None]


def purged_projects(con: sqlite3.Connection) -> list[TrashedProject]:
    """Give the projects that were made final but whose rows are still there."""
    return [
        _project(row)
        for row in _rows(con)
        if row["purged_at"] is not None
        and con.execute("SELECT 1 FROM files WHERE project_id = ?", (row["id"],)).fetchone()
    ]


def mark_project_purged(tx: Tx, project: TrashedProject) -> None:
    """Make a project's way into the trash final, before its bytes are touched."""
    tx.con.execute(
        "UPDATE operations SET purged_at = ifnull(purged_at, ?) WHERE project_id = ?"
        " AND verb <> 'project-settings'",
        (now_ms(), project.id),
    )
    tx.event("projects.changed", project=project.name)


def empty_project(tx: Tx, project_id: int, n_files: int = 1000) -> bool:
    """Forget some files of a project; at the end its studies and subjects leave every list.

    Returns
    -------
    bool
        Whether there is more to forget.
    """
    rows = tx.con.execute(
        "SELECT id FROM files WHERE project_id = ? LIMIT ?", (project_id, n_files)
    ).fetchall()
    ids = [row[0] for row in rows]
    if ids:
        tell_files(tx, ids)
        raw = json.dumps(ids)
        for table, column in (("meta", "file_id"), ("file_tags", "x_id"), ("files", "id")):
            tx.con.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (raw,)
            )
        return True
    now = now_ms()
    for table in ("studies", "subjects"):
        tx.con.execute(
            f"UPDATE {table} SET trashed_at = ? WHERE project_id = ? AND trashed_at IS NULL",
            (now, project_id),
        )
    return False


def is_purged(con: sqlite3.Connection, project_id: int) -> bool:
    """Tell whether a project has left the trash for good; its name is free then."""
    return any(row["id"] == project_id and row["purged_at"] is not None for row in _rows(con))


def _rows(con: sqlite3.Connection) -> list[sqlite3.Row]:
    return con.execute(_SELECT).fetchall()


def _project(row: sqlite3.Row) -> TrashedProject:
    return TrashedProject(
        id=row["id"], name=row["name"], operation=row["operation"] or 0, at=row["at"] or now_ms()
    )
