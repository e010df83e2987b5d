"""What a rule asks for once its arrival is through: tags, and objects to be sent on.

It is written in the transaction that closes the arrival, so that no end of the process parts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from appliance.core import new_key, now_ms
from appliance.exchange.routing_rows import Route

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["do_what_the_route_says"]

_STUDIES = (
    "SELECT DISTINCT s.id FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"
    " JOIN subjects u ON u.project_id = r.project_id AND u.pid = i.pid AND u.trashed_at IS NULL"
    " JOIN studies s ON s.subject_id = u.id AND s.sid = i.sid AND s.trashed_at IS NULL"
    " WHERE i.receipt_id = ? AND i.state IN ('converted', 'stored')"
)
_SERIES = (
    "SELECT series_id, count(*) AS n FROM receipt_items WHERE receipt_id = ?"
    " AND series_id IS NOT NULL AND place LIKE 'originals/%'"
    " AND state IN ('converted', 'stored', 'quarantined') GROUP BY series_id"
)
_SEND = (
    "INSERT INTO forwards (key, project_id, receipt_id, series_id, node, route, state, n_objects,"
    " due_at, created_at, updated_at) SELECT ?1, project_id, id, ?2, ?3, ?4, 'queued', ?5, ?6, ?6,"
    " ?6 FROM receipts WHERE id = ?7"
    " ON CONFLICT (receipt_id, series_id, node) DO UPDATE SET state = 'queued', due_at = ?6,"
    " n_objects = excluded.n_objects, tries = 0, updated_at = ?6"
    " WHERE n_objects <> excluded.n_objects"
)


def do_what_the_route_says(tx: Tx, receipt_id: int) -> None:
    """Tag the studies of an arrival that follows a rule, and write down what is sent on."""
    row = tx.con.execute("SELECT route FROM routed WHERE receipt_id = ?", (receipt_id,)).fetchone()
    route = msgspec.json.decode(row["route"], type=Route | None) if row else None
    if route is None:
        return
    if route.tags:
        _tag(tx, receipt_id, route)
    if route.forward:
        _send_on(tx, receipt_id, route)


def _tag(tx: Tx, receipt_id: int, route: Route) -> None:
    from appliance.catalog import tag

    ids = [int(found[0]) for found in tx.con.execute(_STUDIES, (receipt_id,))]
    if ids:
        tag(tx, "study", ids, add=route.tags)


def _send_on(tx: Tx, receipt_id: int, route: Route) -> None:
    series = tx.con.execute(_SERIES, (receipt_id,)).fetchall()
    now = now_ms()
    for node in route.forward:
        for one in series:
            values = (new_key(), one["series_id"], node, route.name, one["n"], now, receipt_id)
            tx.con.execute(_SEND, values)
    if series:
        tx.event("forwards.changed")
