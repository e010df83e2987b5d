"""What is to be done next, from the rows alone; and putting right what a crash left behind."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import now_ms
from appliance.exchange.context import Context
from appliance.exchange.receipts import add_items, recount, set_receipt, withdraw_empty
from appliance.exchange.rows import ArrivalKind, ItemState, ReceiptState

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["DueWork", "due_work", "newly_due", "recover"]

_LOG = logging.getLogger(__name__)
_CUT_OFF = "the sender was cut off when the service stopped"


class DueWork(msgspec.Struct, frozen=True):
    """Rows whose state calls for a step: ids of receipts, and of series to convert."""

    collect: list[int]
    sort: list[int]
    convert: list[int]
    hash: list[int]
    existing: list[int]


_COLLECT = (
    "SELECT id FROM receipts WHERE state = 'receiving' AND kind IN ('drop', 'cli') ORDER BY id"
)
_SORT = (
    "SELECT r.id FROM receipts r WHERE r.kind <> 'existing'"
    " AND (r.state = 'pending' OR (r.state = 'working' AND ("
    "  NOT EXISTS (SELECT 1 FROM receipt_items i WHERE i.receipt_id = r.id)"
    "  OR EXISTS (SELECT 1 FROM receipt_items i WHERE i.receipt_id = r.id AND ("
    "    i.state IN ('received', 'expected', 'unpacking') OR i.from_place IS NOT NULL)))))"
    " ORDER BY r.id"
)
_CONVERT = (
    "SELECT id FROM incoming_series WHERE state IN ('ready', 'entered') AND ready_at <= ?"
    " AND NOT EXISTS (SELECT 1 FROM receipt_items i WHERE i.series_id = incoming_series.id"
    "  AND i.from_place IS NOT NULL AND i.state = 'sorted') ORDER BY ready_at, id"
)
_HASH = (
    "SELECT DISTINCT r.id FROM receipts r JOIN receipt_items i ON i.receipt_id = r.id"
    " WHERE (r.closed_at > ? OR r.state = 'waiting') AND i.sha256 IS NULL AND i.from_place IS NULL"
    " AND (i.place LIKE 'originals/%' OR i.place LIKE 'quarantine/%') LIMIT 20"
)
_EXISTING = (
    "SELECT id FROM receipts WHERE kind = 'existing'"
    " AND state IN ('receiving', 'pending', 'working') ORDER BY id"
)
_HASH_WITHIN_MS = 7 * 24 * 3600 * 1000


def due_work(ctx: Context) -> DueWork:
    """Find every row that some step should look at."""
    now = now_ms()
    with ctx.catalog.read() as con:

        def ids(sql: str, *values: int) -> list[int]:
            return [int(row[0]) for row in con.execute(sql, values)]

        return DueWork(
            ids(_COLLECT),
            ids(_SORT),
            ids(_CONVERT, now),
            ids(_HASH, now - _HASH_WITHIN_MS),
            ids(_EXISTING),
        )


def newly_due(ctx: Context, since: int, now: int) -> list[int]:
    """Find the series whose quiet time ended between two moments."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT id FROM incoming_series WHERE state IN ('ready', 'entered')"
            " AND ready_at > ? AND ready_at <= ?",
            (since, now),
        ).fetchall()
    return [int(row[0]) for row in rows]


def recover(ctx: Context) -> None:
    """Close what was being received when the process ended, and sweep ``incoming/``.

    Bytes that were complete but not journaled yet are journaled now; ``.part`` files were never
    acknowledged and go.
    """
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT * FROM receipts WHERE state = 'receiving'"
            " AND id NOT IN (SELECT receipt_id FROM uploads)"  # the rest of these may still come
        ).fetchall()
    for row in rows:
        _recover_one(ctx, row)
    _sweep(ctx)


def _recover_one(ctx: Context, row: Any) -> None:
    if row["kind"] == ArrivalKind.EXISTING:
        return
    if row["kind"] == ArrivalKind.DROP:
        ctx.catalog.write(lambda tx: withdraw_empty(tx, row["id"]))
        return  # what was announced is taken by the step that goes on
    if row["kind"] == ArrivalKind.CLI:
        if ctx.identities.original_name(row["key"]) is None:
            _cut_off(ctx, row["id"], "Give the command again.")
        return
    home = ctx.folder.incoming / row["key"]
    if home.is_dir():
        for part in home.glob("*.part"):
            part.unlink()
    found = sorted(home.iterdir()) if home.is_dir() else []
    ctx.catalog.write(lambda tx: _journal(tx, ctx, row, found))


def _cut_off(ctx: Context, receipt_id: int, hint: str) -> None:
    ctx.catalog.write(
        lambda tx: set_receipt(tx, receipt_id, ReceiptState.FAILED, reason=_CUT_OFF, hint=hint)
    )


def _journal(tx: Tx, ctx: Context, row: Any, found: list[Path]) -> None:
    items = [
        {
            "n": int(path.name[:6]),
            "name": path.name,
            "place": ctx.place(path),
            "size_bytes": path.stat().st_size,
            "mtime_ns": path.stat().st_mtime_ns,
            "state": ItemState.RECEIVED,
        }
        for path in found
        if path.name[:6].isdecimal()
    ]
    add_items(tx, row["id"], items)
    n = tx.con.execute(
        "SELECT count(*) FROM receipt_items WHERE receipt_id = ?", (row["id"],)
    ).fetchone()[0]
    if n:
        set_receipt(tx, row["id"], ReceiptState.PENDING, reason=_CUT_OFF)
    else:
        set_receipt(tx, row["id"], ReceiptState.FAILED, reason=_CUT_OFF, hint="Send it again.")
    recount(tx, [row["id"]])


def _sweep(ctx: Context) -> None:
    """Remove leftovers of arrivals that are through: unpacked zips, copies, empty folders."""
    if not ctx.folder.incoming.is_dir():
        return
    for home in ctx.folder.incoming.iterdir():
        if home.is_dir():
            _sweep_one(ctx, home)


def _sweep_one(ctx: Context, home: Path) -> None:
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT i.place, i.state FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"
            " WHERE r.key = ? AND (r.closed_at IS NOT NULL OR r.state = 'waiting')",
            (home.name,),
        ).fetchall()
    spent = {
        row["place"] for row in rows if row["state"] in (ItemState.UNPACKED, ItemState.DUPLICATE)
    }
    for path in home.iterdir():
        if ctx.place(path) in spent:
            path.unlink()
    if rows and not any(home.iterdir()):
        home.rmdir()
