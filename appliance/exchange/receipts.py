"""Rows of receipts and items: opening, changing, counting and listing them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import Invalid, NotFound, new_key, now_ms
from appliance.exchange.routing_follow import do_what_the_route_says
from appliance.exchange.rows import (
    SET_ASIDE,
    ArrivalKind,
    ItemState,
    Options,
    Receipt,
    ReceiptDetail,
    ReceiptItem,
    ReceiptState,
)

if TYPE_CHECKING:
    from appliance.catalog import Catalog, Page, Tx

__all__ = [
    "add_items",
    "change_items",
    "get_receipt",
    "list_receipts",
    "open_receipt",
    "receipt_options",
    "recount",
    "set_receipt",
    "update_items",
    "withdraw_empty",
]

_OPEN = (
    ReceiptState.RECEIVING,
    ReceiptState.PENDING,
    ReceiptState.WORKING,
    ReceiptState.WAITING,
)
_UNDONE = (ItemState.EXPECTED, ItemState.RECEIVED, ItemState.SORTED, ItemState.UNPACKING)
_DONE = (ItemState.CONVERTED, ItemState.STORED)
_BAD = (ItemState.QUARANTINED, ItemState.FAILED)
_COLUMNS = frozenset(
    [
        "place",
        "from_place",
        "size_bytes",
        "mtime_ns",
        "sha256",
        "state",
        "reason",
        "hint",
        "sop_uid",
        "series_id",
        "modality",
        "pid",
        "sid",
    ]
)
_RECEIPT = (
    "SELECT r.*, p.name AS project, ifnull("
    " (SELECT name FROM routed d WHERE d.receipt_id = r.id), '') AS route,"
    " (SELECT json_group_array(psid) FROM ("
    "  SELECT DISTINCT pid || '#' || sid AS psid FROM receipt_items"
    "  WHERE receipt_id = r.id AND pid IS NOT NULL"
    "  AND state IN ('converted', 'stored', 'duplicate')"
    " )) AS studies FROM receipts r JOIN projects p ON p.id = r.project_id"
)
_ITEMS = (
    "SELECT i.*, s.number FROM receipt_items i LEFT JOIN incoming_series s ON s.id = i.series_id"
    " WHERE i.receipt_id = ? AND i.state <> 'unpacked' ORDER BY i.n"
)


def open_receipt(
    tx: Tx,
    project_id: int,
    kind: ArrivalKind,
    source: str,
    options: Options | None = None,
    *,
    key: str = "",
) -> tuple[int, str]:
    """Record an arrival before anything else happens; gives its id and key."""
    key, now = key or new_key(), now_ms()
    cursor = tx.con.execute(
        "INSERT INTO receipts (key, project_id, kind, source, state, options, created_at,"
        " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key,
            project_id,
            kind,
            source,
            ReceiptState.RECEIVING,
            msgspec.json.encode(options or Options()).decode(),
            now,
            now,
        ),
    )
    receipt_id = int(cursor.lastrowid or 0)
    _tell(tx, receipt_id)
    return receipt_id, key


def withdraw_empty(tx: Tx, receipt_id: int) -> None:
    """Forget a receipt none of whose files was written down: they lie where they were."""
    tx.con.execute(
        "DELETE FROM receipts WHERE id = ?"
        " AND NOT EXISTS (SELECT 1 FROM receipt_items i WHERE i.receipt_id = receipts.id)",
        (receipt_id,),
    )


def receipt_options(row: sqlite3.Row) -> Options:
    """Read the options of a receipt's row."""
    return msgspec.json.decode(row["options"], type=Options)


def add_items(tx: Tx, receipt_id: int, items: Iterable[dict[str, Any]]) -> list[int]:
    """Add items, each with ``n``, ``name``, ``place``, ``state`` and what else is known.

    An item whose number is there already stays as it is, so that a repeat does no harm.
    """
    found = []
    for item in items:
        columns = ["receipt_id", *item]
        marks = ",".join("?" * len(columns))
        cursor = tx.con.execute(
            f"INSERT INTO receipt_items ({','.join(columns)}) VALUES ({marks})"
            " ON CONFLICT (receipt_id, n) DO NOTHING",
            (receipt_id, *item.values()),
        )
        if cursor.rowcount:
            found.append(int(cursor.lastrowid or 0))
    return found


def update_items(tx: Tx, changes: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """Change items by id; keys are columns. Runs of changes with the same keys go at once."""
    for columns, run in groupby(changes, key=lambda change: tuple(change[1])):
        if not set(columns) <= _COLUMNS:
            raise Invalid(f"no such column: {sorted(set(columns) - _COLUMNS)}")
        text = ", ".join(f"{column} = ?" for column in columns)
        tx.con.executemany(
            f"UPDATE receipt_items SET {text} WHERE id = ?",
            [(*change.values(), item_id) for item_id, change in run],
        )


def change_items(
    catalog: Catalog, receipt_id: int, changes: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    """Change items of one receipt and count anew, in one transaction."""

    def write(tx: Tx) -> None:
        update_items(tx, changes)
        recount(tx, [receipt_id])

    if changes:
        catalog.write(write)


def set_receipt(
    tx: Tx, receipt_id: int, state: ReceiptState, *, reason: str = "", hint: str = ""
) -> None:
    """Put a receipt into a state, with the reason a person should see."""
    tx.con.execute(
        "UPDATE receipts SET state = ?, reason = ?, hint = ?, updated_at = ?,"
        " closed_at = CASE WHEN ? THEN NULL ELSE ifnull(closed_at, ?) END WHERE id = ?",
        (state, reason, hint, now_ms(), state in _OPEN, now_ms(), receipt_id),
    )
    _tell(tx, receipt_id)


def mark_complete(tx: Tx, receipt_id: int) -> None:
    """Note that nothing more belongs to an arrival: its series need not wait for more."""
    tx.con.execute(
        "UPDATE receipts SET options = json_set(options, '$.complete', json('true')) WHERE id = ?",
        (receipt_id,),
    )


def mark_released(tx: Tx, receipt_id: int) -> None:
    """Note that the sender said that it was done."""
    tx.con.execute(
        "UPDATE receipts SET options = json_set(options, '$.released', json('true')) WHERE id = ?",
        (receipt_id,),
    )


def recount(tx: Tx, receipt_ids: Iterable[int]) -> None:
    """Count the items of receipts anew, and close those that are through."""
    for receipt_id in receipt_ids:
        _recount_one(tx, receipt_id)


def _recount_one(tx: Tx, receipt_id: int) -> None:
    rows = tx.con.execute(
        "SELECT state, count(*), sum(size_bytes), sum(state = 'quarantined' AND reason = ?)"
        " FROM receipt_items WHERE receipt_id = ? AND state <> 'unpacked' GROUP BY state",
        (SET_ASIDE, receipt_id),
    ).fetchall()
    counts = {ItemState(row[0]): int(row[1]) for row in rows}
    aside = sum(int(row[3]) for row in rows)
    waiting = counts.get(ItemState.WAITING, 0)
    pending = _sum(counts, _UNDONE)
    tx.con.execute(
        "UPDATE receipts SET n_files = ?, n_done = ?, n_quarantined = ?, n_duplicate = ?,"
        " n_pending = ?, size_bytes = ?, updated_at = ? WHERE id = ?",
        (
            sum(counts.values()),
            _sum(counts, _DONE),
            _sum(counts, _BAD),
            counts.get(ItemState.DUPLICATE, 0),
            pending + waiting,
            sum(int(row[2]) for row in rows),
            now_ms(),
            receipt_id,
        ),
    )
    row = tx.con.execute(
        "SELECT state, reason FROM receipts WHERE id = ?", (receipt_id,)
    ).fetchone()
    if row["state"] != ReceiptState.RECEIVING and not pending and counts:
        _close(tx, receipt_id, counts, aside, str(row["reason"]))
    else:
        _tell(tx, receipt_id)


def _close(tx: Tx, receipt_id: int, counts: dict[ItemState, int], aside: int, reason: str) -> None:
    """Give a receipt with nothing left to do its final state and the commonest reason.

    What a person set aside is accounted for: it makes no arrival a failed one.
    """
    bad, good = _sum(counts, _BAD) - aside, _sum(counts, (*_DONE, ItemState.DUPLICATE))
    hint = ""
    if counts.get(ItemState.WAITING):
        state = ReceiptState.WAITING
    elif not bad:
        state = ReceiptState.DONE
    else:
        state = ReceiptState.PARTIAL if good or aside else ReceiptState.FAILED
    do_what_the_route_says(tx, receipt_id)
    if state is ReceiptState.DONE and not aside:
        reason = ""
    else:
        reason, hint = _commonest_reason(tx, receipt_id) or (reason, "")
    set_receipt(tx, receipt_id, state, reason=reason, hint=hint)


def _commonest_reason(tx: Tx, receipt_id: int) -> tuple[str, str] | None:
    row = tx.con.execute(
        "SELECT reason, hint, count(*) n FROM receipt_items WHERE receipt_id = ? AND reason <> ''"
        " AND state IN ('waiting', 'quarantined', 'failed') GROUP BY state, reason"
        " ORDER BY state = 'waiting' DESC, reason = ?, n DESC, min(n) LIMIT 1",
        (receipt_id, SET_ASIDE),
    ).fetchone()
    if row is None:
        return None
    times = f" ({row['n']} files)" if row["n"] > 1 else ""
    return f"{row['reason']}{times}", str(row["hint"])


def get_receipt(con: sqlite3.Connection, key: str) -> ReceiptDetail:
    """Give a receipt with its items.

    Raises
    ------
    NotFound
        If there is none with that key.
    """
    row = con.execute(f"{_RECEIPT} WHERE r.key = ?", (key,)).fetchone()
    if row is None:
        raise NotFound(f"no receipt {key!r}")
    items = [_item(item) for item in con.execute(_ITEMS, (row["id"],))]
    return ReceiptDetail(**_facts(row), items=items)


def list_receipts(
    con: sqlite3.Connection,
    *,
    project: str | None = None,
    project_ids: Collection[int] | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int = 200,
) -> Page[Receipt]:
    """Give one page of receipts, newest first.

    Parameters
    ----------
    project : str, optional
        Name of a project; None gives all.
    project_ids : collection of int, optional
        Only of these projects.
    state : str, optional
        One or more states, separated by commas.
    after : str, optional
        Cursor of the page before.

    Raises
    ------
    Invalid
        If a state or the cursor is unknown.
    """
    from appliance.catalog import Page

    wheres, values = _conditions(project, state)
    if project_ids is not None:
        wheres += " AND r.project_id IN (SELECT value FROM json_each(?))"
        values = [*values, json.dumps(sorted(project_ids))]
    base = f"FROM receipts r JOIN projects p ON p.id = r.project_id WHERE {wheres}"
    total = con.execute(f"SELECT count(*) {base}", values).fetchone()[0]
    if after is not None:
        if not after.isdecimal():
            raise Invalid(f"not a cursor: {after!r}")
        wheres, values = f"{wheres} AND r.id < ?", [*values, int(after)]
    rows = con.execute(
        f"{_RECEIPT} WHERE {wheres} ORDER BY r.id DESC LIMIT ?", (*values, limit + 1)
    ).fetchall()
    items = [Receipt(**_facts(row)) for row in rows[:limit]]
    return Page(items, str(items[-1].id) if len(rows) > limit else None, int(total))


def _conditions(project: str | None, state: str | None) -> tuple[str, list[Any]]:
    wheres, values = ["1"], []
    if project is not None:
        wheres.append("p.name = ?")
        values.append(project)
    if state:
        states = _states(state)
        wheres.append(f"r.state IN ({','.join('?' * len(states))})")
        values.extend(states)
    return " AND ".join(wheres), values


def _states(text: str) -> list[str]:
    try:
        return [ReceiptState(part) for part in text.split(",")]
    except ValueError as error:
        raise Invalid(
            f"no such state of a receipt: {text!r}",
            hint=f"States: {', '.join(ReceiptState)}.",
        ) from error


def _facts(row: sqlite3.Row) -> dict[str, Any]:
    facts = {name: row[name] for name in Receipt.__struct_fields__ if name != "studies"}
    return {**facts, "studies": sorted(msgspec.json.decode(row["studies"]))}


def _item(row: sqlite3.Row) -> ReceiptItem:
    hidden = (
        ItemState.EXPECTED,
        ItemState.SORTED,
        ItemState.UNPACKING,
    )  # steps on our way, not a fate
    return ReceiptItem(
        id=row["id"],
        name=row["name"],
        size_bytes=row["size_bytes"],
        state=ItemState.RECEIVED if row["state"] in hidden else row["state"],
        reason=row["reason"],
        hint=row["hint"],
        modality=row["modality"],
        series_number=row["number"],
        psid=None if row["pid"] is None else f"{row['pid']}#{row['sid']}",
    )


def _sum(counts: dict[ItemState, int], states: Sequence[ItemState]) -> int:
    return sum(counts.get(state, 0) for state in states)


def _tell(tx: Tx, receipt_id: int) -> None:
    row = tx.con.execute(
        "SELECT r.key, r.state, r.n_files, r.n_done, r.n_quarantined, r.n_duplicate, r.n_pending,"
        " p.name AS project FROM receipts r JOIN projects p ON p.id = r.project_id WHERE r.id = ?",
        (receipt_id,),
    ).fetchone()
    tx.event("receipt.changed", **dict(row))
