"""Rules at work: an arrival is led to the projects that rules name, and what they ask for is done.

An arrival belongs to one project and follows one rule. Where rules part the series of an arrival,
each part becomes a receipt of its own, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import new_key, now_ms
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.dicom_sort import Scanned
from appliance.exchange.names import item_key
from appliance.exchange.receipts import open_receipt, receipt_options, recount, set_receipt
from appliance.exchange.routing import header_fields, open_routes, sample_of
from appliance.exchange.routing_match import Header, choose
from appliance.exchange.routing_rows import Route
from appliance.exchange.rows import ArrivalKind, Options, ReceiptState
from appliance.privacy import ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["SORT_STEP", "divert", "routed_policy"]

SORT_STEP = "exchange.sort"
_ROUTED = "SELECT * FROM routed WHERE receipt_id = ?"


def divert(ctx: Context, row: Any, objects: Sequence[Scanned]) -> list[Scanned] | None:
    """Lead the objects of an arrival where rules say.

    Parameters
    ----------
    row : Row
        The receipt's, with its project's name.

    Returns
    -------
    list of Scanned or None
        What stays with this receipt. None: the receipt itself now follows a rule, and is to be
        looked at anew.
    """
    with ctx.catalog.read() as con:
        routes = open_routes(con)
        decided = con.execute(_ROUTED, (row["id"],)).fetchone()
    if not routes or not objects or not _may_be_led(row, decided):
        return list(objects)
    groups = _by_route(ctx, row, routes, objects)
    if decided is None:
        first = None if None in groups else next(iter(groups))
        if first is not None and _untouched(ctx, row["id"]):
            _follow(ctx, row, first)
            return None
        mine = ""
    else:
        mine = str(decided["name"])
    for route, members in groups.items():
        if _name(route) != mine:
            _part(ctx, row, route, members)
    return [one for route, members in groups.items() if _name(route) == mine for one in members]


def _name(route: Route | None) -> str:
    return route.name if route else ""


def _may_be_led(row: Any, decided: Any) -> bool:
    """Tell whether rules may decide: not where a person chose, nor for what was parted already."""
    if decided is not None and decided["origin"] != row["key"]:
        return False
    options = receipt_options(row)
    if options.subject or options.study:
        return False
    pulled = row["kind"] == ArrivalKind.DICOM and not options.calling
    return not pulled and row["kind"] != ArrivalKind.EXISTING


def _by_route(
    ctx: Context, row: Any, routes: Sequence[Route], objects: Sequence[Scanned]
) -> dict[Route | None, list[Scanned]]:
    """Group objects by the rule that takes their series; what no rule takes is under None."""
    fields = header_fields(routes)
    known: dict[str, Route | None] = {}
    groups: dict[Route | None, list[Scanned]] = {}
    facts = sample_of({**dict(row), "place": ""}).facts
    for scanned in objects:
        uid = scanned.record.series_uid
        if uid not in known:
            header = Header(ctx.path(scanned.row["place"]), fields)
            known[uid] = choose(routes, row["kind"], facts, header)[0]
        groups.setdefault(known[uid], []).append(scanned)
    return groups


def _untouched(ctx: Context, receipt_id: int) -> bool:
    """Tell whether nothing of a receipt has found its series yet."""
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT 1 FROM receipt_items WHERE receipt_id = ? AND (series_id IS NOT NULL"
            " OR state NOT IN ('received', 'unpacked', 'unpacking')) LIMIT 1",
            (receipt_id,),
        ).fetchone()
    return row is None


def _follow(ctx: Context, row: Any, route: Route) -> None:
    """Let a whole arrival follow a rule."""

    def write(tx: Tx) -> None:
        project_id = _project(tx, route, row["project_id"])
        tx.con.execute("UPDATE receipts SET project_id = ? WHERE id = ?", (project_id, row["id"]))
        _note(tx, row["id"], row["key"], route)
        recount(tx, [row["id"]])

    ctx.catalog.write(write)
    crash_point("route.followed")


def _part(ctx: Context, row: Any, route: Route | None, members: Sequence[Scanned]) -> None:
    """Give objects of an arrival to a receipt of their own; the names they came with go along."""
    with ctx.catalog.read() as con:
        known = con.execute(
            "SELECT r.key FROM routed d JOIN receipts r ON r.id = d.receipt_id"
            " WHERE d.origin = ? AND d.name = ? AND r.id <> ?",
            (row["key"], _name(route), row["id"]),
        ).fetchone()
    key = str(known["key"]) if known else new_key()
    _copy_names(ctx, row["key"], key, [scanned.row["n"] for scanned in members])

    def write(tx: Tx) -> int:
        part_id = _ensure_part(tx, row, route, key)
        tx.con.executemany(
            "UPDATE receipt_items SET receipt_id = ? WHERE id = ? AND state = 'received'",
            [(part_id, scanned.row["id"]) for scanned in members],
        )
        if tx.con.execute(_ROUTED, (row["id"],)).fetchone() is None:
            _note(tx, row["id"], row["key"], None)
        set_receipt(tx, part_id, ReceiptState.PENDING)
        recount(tx, [row["id"], part_id])
        return part_id

    part_id = ctx.catalog.write(write)
    crash_point("route.parted")
    ctx.ask_intake(SORT_STEP, part_id)


def _ensure_part(tx: Tx, row: Any, route: Route | None, key: str) -> int:
    found = tx.con.execute("SELECT id FROM receipts WHERE key = ?", (key,)).fetchone()
    if found is not None:
        return int(found["id"])
    options: Options = receipt_options(row)
    part_id, _ = open_receipt(
        tx,
        _project(tx, route, row["project_id"]),
        ArrivalKind(row["kind"]),
        row["source"],
        options,
        key=key,
    )
    _note(tx, part_id, row["key"], route)
    return part_id


def _project(tx: Tx, route: Route | None, otherwise: int) -> int:
    """Give the project of a rule; what it sends nowhere stays in its door's."""
    if route is None or not route.project:
        return otherwise
    row = tx.con.execute(
        "SELECT id FROM projects WHERE name = ? AND state = 'active'", (route.project,)
    ).fetchone()
    return otherwise if row is None else int(row["id"])


def _note(tx: Tx, receipt_id: int, origin: str, route: Route | None) -> None:
    tx.con.execute(
        "INSERT INTO routed (receipt_id, origin, name, route, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (receipt_id) DO NOTHING",
        (
            receipt_id,
            origin,
            _name(route),
            msgspec.json.encode(route).decode(),
            now_ms(),
        ),
    )


def _copy_names(ctx: Context, origin: str, key: str, numbers: Sequence[int]) -> None:
    names = ctx.identities.original_names(origin)
    wanted = {item_key(origin, n): item_key(key, n) for n in numbers} | {origin: key}
    ctx.identities.remember_names((wanted[old], names[old]) for old in wanted if old in names)


def routed_policy(ctx: Context, receipt_id: int, policy: ProjectPolicy) -> ProjectPolicy:
    """Give a project's policy as the rule that an arrival follows changes it."""
    with ctx.catalog.read() as con:
        row = con.execute(_ROUTED, (receipt_id,)).fetchone()
    route = msgspec.json.decode(row["route"], type=Route | None) if row else None
    if route is None or not route.series_folder:
        return policy
    return msgspec.structs.replace(policy, series_folder=route.series_folder)
