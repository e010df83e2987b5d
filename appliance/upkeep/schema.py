"""Which migrations make up the catalog of this version, over all rooms that keep tables in it."""

from __future__ import annotations

import sqlite3
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.catalog import Migrations

__all__ = ["applied_migrations", "catalog_extensions", "unknown_to_us"]

_HOLDERS = (
    ("appliance.jobs", "jobs_migrations"),
    ("appliance.exchange", "exchange_migrations"),
    ("appliance.upkeep", "upkeep_migrations"),
)


def catalog_extensions() -> list[Migrations]:
    """Give the migrations that other rooms add to the catalog's own, in their order."""
    return [getattr(import_module(room), name) for room, name in _HOLDERS]


def applied_migrations(con: sqlite3.Connection) -> list[str]:
    """Name the migrations a database holds, as ``set/name``, in the order they were applied."""
    present = con.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'")
    if present.fetchone() is None:
        return []
    rows = con.execute("SELECT migration_set, name FROM _sqlite_migrations ORDER BY rowid")
    return [f"{row[0]}/{row[1]}" for row in rows]


def unknown_to_us(con: sqlite3.Connection) -> list[str]:
    """Name the migrations of a catalog that this version does not know."""
    from appliance.catalog import catalog_migrations, unknown_migrations

    return unknown_migrations(con, (catalog_migrations, *catalog_extensions()))
