"""Gives arrivals that went to the wrong project to another, and a file as it came to a person.

What is catalogued already is moved by moving its subjects, not here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core import Conflict, NotFound, now_ms
from appliance.exchange.context import Context
from appliance.exchange.receipts import recount, set_receipt, update_items
from appliance.exchange.rows import ArrivalKind, ItemState, ReceiptDetail, ReceiptState

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["give_to_project", "original_file", "receipts_to_retry"]

_IN = "state IN ('converted', 'stored', 'duplicate')"
_OPEN = "state IN ('waiting', 'quarantined', 'failed', 'received')"


def give_to_project(ctx: Context, receipt: ReceiptDetail, project: str, actor: str) -> None:
    """Let an arrival of which nothing is in yet begin anew in another project.

    Raises
    ------
    NotFound
        If there is no such project.
    Conflict
        If the project is put away, or something of the arrival is in or at work.
    """
    from appliance.catalog import get_project, require_open

    with ctx.catalog.read() as con:
        target = get_project(con, project)
        require_open(con, target.id)
        _check(con, receipt, target.name)
        rows = con.execute(
            f"SELECT id, place, series_id FROM receipt_items WHERE receipt_id = ? AND {_OPEN}",
            (receipt.id,),
        ).fetchall()
    changes = [(row["id"], _anew(ctx, row)) for row in rows]
    series = {(row["series_id"],) for row in rows if row["series_id"] is not None}

    def write(tx: Tx) -> None:
        _check(tx.con, receipt, target.name)
        update_items(tx, changes)
        tx.con.executemany(
            "DELETE FROM incoming_series WHERE id = ? AND NOT EXISTS"
            " (SELECT 1 FROM receipt_items i WHERE i.series_id = incoming_series.id)",
            series,
        )
        tx.con.execute("UPDATE receipts SET project_id = ? WHERE id = ?", (target.id, receipt.id))
        _let_no_rule_decide(tx, receipt.id)
        set_receipt(tx, receipt.id, _begins_as(receipt, changes))
        recount(tx, [receipt.id])
        tx.operation(
            "assign-arrival",
            actor=actor,
            target={"receipt": receipt.key, "from": receipt.project, "project": target.name},
        )

    ctx.catalog.write(write)


def _check(con: Any, receipt: ReceiptDetail, target: str) -> None:
    if target == receipt.project:
        raise Conflict(f"this arrival is in project {target} already")
    busy = con.execute(
        f"SELECT sum({_IN}) AS n_in, sum(state IN ('sorted', 'unpacking', 'expected')"
        " OR from_place IS NOT NULL) AS n_busy FROM receipt_items WHERE receipt_id = ?",
        (receipt.id,),
    ).fetchone()
    if receipt.kind == ArrivalKind.EXISTING or busy["n_in"]:
        raise Conflict(
            "files of this arrival are in their studies already",
            hint="Move the subjects to the other project in the table.",
        )
    if busy["n_busy"] or receipt.state in (ReceiptState.RECEIVING, ReceiptState.WORKING):
        raise Conflict("this arrival is being worked on", hint="Try again in a moment.")


def _anew(ctx: Context, row: Any) -> dict[str, Any]:
    here = ctx.path(row["place"]).exists()
    return {
        "state": ItemState.RECEIVED if here else ItemState.EXPECTED,
        "reason": "",
        "hint": "",
        "series_id": None,
        "pid": None,
        "sid": None,
    }


def _begins_as(receipt: ReceiptDetail, changes: list[tuple[int, dict[str, Any]]]) -> ReceiptState:
    retaken = any(change["state"] == ItemState.EXPECTED for _, change in changes)
    taken = receipt.kind in (ArrivalKind.DROP, ArrivalKind.CLI)
    return ReceiptState.RECEIVING if retaken and taken else ReceiptState.PENDING


def _let_no_rule_decide(tx: Tx, receipt_id: int) -> None:
    tx.con.execute(
        "INSERT INTO routed (receipt_id, origin, name, route, created_at)"
        " VALUES (?, '', '', 'null', ?) ON CONFLICT (receipt_id) DO UPDATE SET origin = '',"
        " name = '', route = 'null'",
        (receipt_id, now_ms()),
    )


def original_file(ctx: Context, receipt: ReceiptDetail, item_id: int, actor: str) -> Path:
    """Give the file of an item as it came; that somebody took it is put on record.

    Raises
    ------
    NotFound
        If the arrival has no such item, or its bytes are not kept.
    """
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT place, from_place FROM receipt_items WHERE receipt_id = ? AND id = ?",
            (receipt.id, item_id),
        ).fetchone()
    if row is None:
        raise NotFound("this arrival has no such file")
    for place in (row["place"], row["from_place"]):
        if place and ctx.path(place).is_file():
            break
    else:
        raise NotFound("the bytes of this file are not kept here", hint="It was here already.")
    target = {"receipt": receipt.key, "item": item_id, "project": receipt.project}
    ctx.catalog.write(lambda tx: tx.operation("take-original", actor=actor, target=target))
    return ctx.path(place)


def receipts_to_retry(ctx: Context, project_ids: frozenset[int] | None) -> list[str]:
    """Name the arrivals that failed as a whole or in part, in some projects or in all.

    Projects that are put away are left out.
    """
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT r.key, r.project_id FROM receipts r JOIN projects p ON p.id = r.project_id"
            " WHERE r.state IN ('failed', 'partial') AND p.state = 'active' ORDER BY r.id"
        ).fetchall()
    return [
        str(row["key"])
        for row in rows
        if project_ids is None or int(row["project_id"]) in project_ids
    ]
