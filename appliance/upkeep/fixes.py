"""The repairs that checks and the command line offer, by id; each says what it did."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial

from appliance.core import StorageError
from appliance.upkeep.context import CheckContext
from appliance.upkeep.notifications.deliveries import send_again
from appliance.upkeep.rescanning import rescan

__all__ = ["FIXES"]


def _checkpoint(ctx: CheckContext) -> str:
    with closing(sqlite3.connect(ctx.folder.catalog_path, timeout=30)) as con:
        busy = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return "readers were in the way; try again" if busy else "the write-ahead log was emptied"


def _mark_storage(ctx: CheckContext) -> str:
    marked = []
    for storage in ctx.folder.storage_roots:
        try:
            ctx.folder.check_marker(storage)
        except StorageError:
            storage.mkdir(exist_ok=True)
            ctx.folder.mark(storage)
            marked.append(storage.name)
    return f"marked {', '.join(marked)}" if marked else "nothing had lost its marker"


def _rescan(ctx: CheckContext, *, prune: bool = False) -> str:
    report = rescan(ctx.catalog, ctx.folder, prune=prune)
    return (
        f"{report.n_studies} studies on disk: {report.n_added} files added,"
        f" {report.n_changed} brought up to date, {report.n_same} as known,"
        f" {len(report.missing)} missing, {len(report.problems)} problems"
    )


def _send_again(ctx: CheckContext) -> str:
    n = ctx.catalog.write(send_again)
    return f"{n} deliver{'y is' if n == 1 else 'ies are'} tried again"


FIXES: Mapping[str, Callable[[CheckContext], str]] = {
    "checkpoint": _checkpoint,
    "mark-storage": _mark_storage,
    "notifications-again": _send_again,
    "rescan": _rescan,
    "rescan-prune": partial(_rescan, prune=True),
}
