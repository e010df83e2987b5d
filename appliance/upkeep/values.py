"""The values this room gives out: health, backups, and reports of what was done."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "BackupInfo",
    "CheckResult",
    "Fix",
    "Health",
    "HealthCheck",
    "Level",
    "ProjectFate",
    "RescanReport",
    "RestoreReport",
]

Level = Literal["ok", "warning", "error", "unknown"]


class Fix(msgspec.Struct, frozen=True):
    """A repair that a check offers, by id."""

    id: str
    label: str


class CheckResult(msgspec.Struct, frozen=True):
    """What one check found; `text` shows the numbers it used, `hint` says what to do."""

    level: Level
    text: str
    hint: str = ""
    fix: Fix | None = None


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the health page."""

    id: str
    title: str
    level: Level
    text: str
    hint: str = ""
    fix: Fix | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the appliance is; `status` is the worst level among the checks."""

    status: Level
    checks: list[HealthCheck]
    version: str
    started_at: int
    checked_at: int


class BackupInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One finished backup; `verified` says that every copy was opened and passed."""

    name: str
    path: str
    created_at: int
    size_bytes: int
    verified: bool
    version: str


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did; `restore_point` holds what was there before, if anything was."""

    source: str
    restore_point: str | None
    migrated: list[str]
    rows: dict[str, int]


class RescanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a rescan found on disk, against what the catalog held.

    Attributes
    ----------
    n_trashed : int
        Of the files added: those that went back into the trash, where they had been.
    """

    n_studies: int = 0
    n_added: int = 0
    n_changed: int = 0
    n_same: int = 0
    n_trashed: int = 0
    missing: list[str] = []
    problems: list[str] = []


class ProjectFate(msgspec.Struct, frozen=True, kw_only=True):
    """A project in the trash, and what will become of it.

    Attributes
    ----------
    final_at : int or None
        From then on it cannot be put back; None: it stays.
    size_bytes : int
        What will leave the disk.
    originals_bytes : int
        DICOM originals, which stay.
    fate : str
        The same in words.
    """

    name: str
    trashed_at: int
    final_at: int | None
    n_files: int
    size_bytes: int
    originals_bytes: int
    fate: str
