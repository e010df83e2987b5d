"""Bringing a database's schema up to date: backup first, then append-only migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from appliance.catalog.schema import catalog_migrations
from appliance.catalog.sqlite_tools import Database, Migrations
from appliance.core import StorageError, iso, now_ms

__all__ = ["DAMAGED", "migrate", "unknown_migrations"]

DAMAGED = (
    "Projects and originals are untouched. Stop the service; then 'nora restore' brings the newest"
    " backup back ('nora backup --list' names it), or 'nora rescan --anew' builds the catalog again"
    " from the projects' folders, without jobs, arrivals, users and history."
)
_SOON_CHECKED_BYTES = 32 << 20


def migrate(path: Path, others: Sequence[Migrations], backup_dir: Path | None) -> None:
    """Apply what is pending to a database file, which may be new.

    Raises
    ------
    StorageError
        If the file is damaged, or holds a migration this version does not know.
    """
    sets = (catalog_migrations, *others)
    existed = path.exists() and path.stat().st_size > 0
    try:
        with closing(sqlite3.connect(path, timeout=30)) as con:
            _refuse_newer(con, path, sets)
            _refuse_damaged(con, path)
            con.execute("PRAGMA journal_mode = WAL")
            con.execute("PRAGMA synchronous = FULL")
            db = Database(con)
            pending = [m for group in sets for m in group.pending(db)]
            if pending and existed and backup_dir is not None:
                _copy(con, backup_dir / f"before-migration-{iso(now_ms()).replace(':', '')}.sqlite")
            for group in sets:
                group.apply(db)
    except sqlite3.DatabaseError as error:
        raise StorageError(f"cannot open the catalog {path}: {error}", hint=DAMAGED) from error
    path.chmod(0o600)


def unknown_migrations(con: sqlite3.Connection, sets: Sequence[Migrations]) -> list[str]:
    """Name the applied migrations that these sets do not hold: a newer version wrote them."""
    present = con.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'")
    if present.fetchone() is None:
        return []
    known = {(group.name, m.name) for group in sets for m in group._migrations}
    names = {group.name for group in sets}
    rows = con.execute("SELECT migration_set, name FROM _sqlite_migrations").fetchall()
    return [f"{row[0]}/{row[1]}" for row in rows if row[0] in names and tuple(row) not in known]


def _refuse_newer(con: sqlite3.Connection, path: Path, sets: Sequence[Migrations]) -> None:
    unknown = unknown_migrations(con, sets)
    if unknown:
        raise StorageError(
            f"{path} was written by a newer version (unknown: {', '.join(unknown)})",
            hint="Install that version or a later one; this one leaves the file as it is.",
        )


def _refuse_damaged(con: sqlite3.Connection, path: Path) -> None:
    """Look through a file that is small enough not to be waited for; health does so with any."""
    if not path.exists() or path.stat().st_size > _SOON_CHECKED_BYTES:
        return
    answer = con.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise StorageError(f"the catalog {path} is damaged: {answer}", hint=DAMAGED)


def _copy(con: sqlite3.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target)) as copy:
        con.backup(copy)
    target.chmod(0o600)
