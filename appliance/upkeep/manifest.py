"""The manifest of a backup: what it holds, with hashes and counts, and how it is proved."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from appliance.core import UpkeepError, safe_join, sha256_file

__all__ = ["FORMAT", "MANIFEST", "Manifest", "Stored", "prove", "read_manifest", "row_counts"]

MANIFEST = "manifest.json"
FORMAT = 1


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a backup; databases carry row counts by table and applied migrations."""

    sha256: str
    size_bytes: int
    rows: dict[str, int] | None = None
    migrations: list[str] = []


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All files of a backup, by their name relative to the data folder."""

    format: int
    version: str
    created_at: int
    files: dict[str, Stored]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises
    ------
    UpkeepError
        If there is none, it cannot be read, or its format is newer than ours.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise UpkeepError(
            f"{folder} is no backup: its {MANIFEST} cannot be read",
            hint="Choose a folder from 'nora backup --list'.",
        ) from error
    if manifest.format > FORMAT:
        raise UpkeepError(
            f"backup {folder.name} was made by a newer version ({manifest.version})",
            hint=f"Install version {manifest.version} or a later one, then restore.",
        )
    return manifest


def prove(folder: Path, manifest: Manifest) -> None:
    """Compare every file of a backup with its manifest, and open every database in it.

    Raises
    ------
    UpkeepError
        If a file is missing or differs, a database is damaged, or its counts differ.
    """
    for name, stored in manifest.files.items():
        path = safe_join(folder, name)
        if not path.is_file() or sha256_file(path) != stored.sha256:
            raise UpkeepError(
                f"backup {folder.name} is damaged: {name} is not what was written",
                hint="Use another backup; this one was left as it is.",
            )
        if stored.rows is not None:
            _prove_database(path, stored.rows)


def row_counts(con: sqlite3.Connection) -> dict[str, int]:
    """Count the rows of every table."""
    names = [
        row[0]
        for row in con.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " ORDER BY name"
        )
    ]
    return {name: int(con.execute(_count(name)).fetchone()[0]) for name in names}


def _count(table: str) -> str:
    quoted = table.replace('"', '""')
    return f'SELECT count(*) FROM "{quoted}"'  # noqa: S608 - a name out of sqlite_master, quoted


def _prove_database(path: Path, rows: dict[str, int]) -> None:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as con:
            answer = con.execute("PRAGMA integrity_check").fetchone()[0]
            counts = row_counts(con)
    except sqlite3.DatabaseError as error:
        answer, counts = str(error), {}
    if answer != "ok" or counts != rows:
        raise UpkeepError(
            f"{path.parent.name}/{path.name} did not pass its check ({answer})",
            hint="Use another backup; if it was just made, check the disk.",
        )
