"""What the data folder takes on disk: measured once a day and kept, so that a look is cheap.

Nothing is removed here; what may be freed is freed by the verbs that do so every day.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.catalog import Catalog, project_usage
from appliance.core import MARKER, DataFolder, now_ms
from appliance.upkeep.trash import DAY_MS

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["StorageDay", "StoragePart", "StorageProject", "StorageView", "measure", "storage_view"]

_MACHINE = 0  # in place of a project's id
_KEPT_DAYS = 730
_PROJECTS = "SELECT id, name FROM projects WHERE state <> 'trashed' ORDER BY name"
_EVERY_PROJECT = "SELECT id FROM projects"  # those in the trash take as much as before
_TRASH_DUE = (
    "SELECT count(*), ifnull(sum(size_bytes), 0) FROM files"
    " WHERE trashed_at IS NOT NULL AND trashed_at < ?"
)
_JOBS_DUE = (
    "SELECT count(*) FROM job WHERE ended_at IS NOT NULL AND ended_at < ?"
    " AND (state NOT IN ('failed', 'lost') OR dismissed = 1) AND keep_logs = 0"
)
_FOLDERS = ("jobs", "cache", "trash", "backups", "quarantine", "incoming", "models", "tmp")


class StoragePart(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in one of our folders, or may be freed (``trash_due``, ``jobs_due``)."""

    part: str
    size_bytes: int
    n: int


class StorageProject(msgspec.Struct, frozen=True, kw_only=True):
    """What a project takes, in bytes."""

    name: str
    originals_bytes: int
    arrived_bytes: int
    derived_bytes: int
    linked_bytes: int
    trash_bytes: int
    n_files: int


class StorageDay(msgspec.Struct, frozen=True, kw_only=True):
    """How much there was on one day."""

    day: str
    size_bytes: int


class StorageView(msgspec.Struct, frozen=True, kw_only=True):
    """The last measurement, and how it grew; `measured_at` is None before the first."""

    measured_at: int | None
    disk_bytes: int
    free_bytes: int
    parts: list[StoragePart]
    projects: list[StorageProject]
    growth: list[StorageDay]


def measure(
    catalog: Catalog, folder: DataFolder, *, trash_days: int, jobs_days: int, today: str = ""
) -> None:
    """Measure now, in place of what was measured today.

    Parameters
    ----------
    trash_days, jobs_days : int
        Ages after which trash, and ended jobs, may go.

    Notes
    -----
    O(files of the catalog) in SQL, and a walk of the folders that the catalog does not tell of:
    not of originals and projects.
    """
    now = now_ms()
    day = today or f"{datetime.now().astimezone():%Y-%m-%d}"
    with catalog.read() as con:
        found = {
            (_MACHINE, part): counted for part, counted in _due(con, trash_days, jobs_days).items()
        }
        for row in con.execute(_EVERY_PROJECT).fetchall():
            found |= {(row["id"], part): pair for part, pair in _project(con, row["id"]).items()}
    found |= {(_MACHINE, name): _walked(getattr(folder, name)) for name in _FOLDERS}

    def write(tx: Tx) -> None:
        tx.con.execute("DELETE FROM storage_samples WHERE day = ?", (day,))
        tx.con.executemany(
            "INSERT INTO storage_samples (day, project_id, part, size_bytes, n, at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(day, project, part, size, n, now) for (project, part), (n, size) in found.items()],
        )
        tx.con.execute("DELETE FROM storage_samples WHERE at < ?", (now - _KEPT_DAYS * DAY_MS,))
        tx.event("storage.changed")

    catalog.write(write)


def _due(con: sqlite3.Connection, trash_days: int, jobs_days: int) -> dict[str, tuple[int, int]]:
    now = now_ms()
    n, size = con.execute(_TRASH_DUE, (now - trash_days * DAY_MS,)).fetchone()
    (jobs,) = con.execute(_JOBS_DUE, (now - jobs_days * DAY_MS,)).fetchone()
    return {"trash_due": (int(n), int(size)), "jobs_due": (int(jobs), 0)}


def _project(con: sqlite3.Connection, project_id: int) -> Mapping[str, tuple[int, int]]:
    usage = project_usage(con, project_id)
    return {
        "originals": (0, usage.originals_bytes),
        "arrived": (usage.n_files, usage.arrived_bytes),
        "derived": (0, usage.derived_bytes),
        "linked": (0, usage.linked_bytes),
        "trashed": (0, usage.trash_bytes),
    }


def _walked(root: Path) -> tuple[int, int]:
    """Count files and bytes below a folder, without links, our marker, and what vanishes."""
    n = size = 0
    waiting = [str(root)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.name != MARKER:
                        n += 1
                        size += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return n, size


def storage_view(con: sqlite3.Connection, folder: DataFolder, days: int = 90) -> StorageView:
    """Give the last measurement, and what there was on each of the last days."""
    disk = shutil.disk_usage(folder.root)
    row = con.execute("SELECT max(day) AS day, max(at) AS at FROM storage_samples").fetchone()
    samples = con.execute("SELECT * FROM storage_samples WHERE day = ?", (row["day"],)).fetchall()
    return StorageView(
        measured_at=row["at"],
        disk_bytes=disk.total,
        free_bytes=disk.free,
        parts=[
            StoragePart(part=one["part"], size_bytes=one["size_bytes"], n=one["n"])
            for one in samples
            if one["project_id"] == _MACHINE
        ],
        projects=_projects(con, samples),
        growth=_growth(con, days),
    )


def _projects(con: sqlite3.Connection, samples: list[sqlite3.Row]) -> list[StorageProject]:
    by_id: dict[int, dict[str, sqlite3.Row]] = {}
    for one in samples:
        by_id.setdefault(one["project_id"], {})[one["part"]] = one
    found = []
    for project_id, name in con.execute(_PROJECTS).fetchall():
        parts = by_id.get(project_id)
        if parts:
            found.append(
                StorageProject(
                    name=name,
                    originals_bytes=parts["originals"]["size_bytes"],
                    arrived_bytes=parts["arrived"]["size_bytes"],
                    derived_bytes=parts["derived"]["size_bytes"],
                    linked_bytes=parts["linked"]["size_bytes"],
                    trash_bytes=parts["trashed"]["size_bytes"],
                    n_files=parts["arrived"]["n"],
                )
            )
    return sorted(found, key=lambda p: -(p.originals_bytes + p.arrived_bytes + p.derived_bytes))


def _growth(con: sqlite3.Connection, days: int) -> list[StorageDay]:
    """Add up what counts on each day: neither what lies elsewhere nor what is told twice."""
    rows = con.execute(
        "SELECT day, sum(size_bytes) AS size FROM storage_samples"
        " WHERE part NOT IN ('linked', 'trashed', 'trash_due', 'jobs_due')"
        " GROUP BY day ORDER BY day DESC LIMIT ?",
        (max(1, min(days, _KEPT_DAYS)),),
    ).fetchall()
    return [StorageDay(day=row["day"], size_bytes=row["size"]) for row in reversed(rows)]
