"""Tells, while the subject may still be there, that a session misses series of its protocol.

A series that was passed over is told as soon as a later one of the protocol is in; one at the end
only when nothing has come for a while, since a scanner sends one series after the other.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.exchange.protocol import compare, kept_protocol, missing_series, series_of
from appliance.exchange.protocol_rows import Protocol

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["QUIET_MS", "sessions_gone_quiet", "tell_missing"]

QUIET_MS = 600_000
"""So long after the last series, in ms, nothing more is expected of a session."""
_LATE_MS = 3_600_000  # who it showed has left, so nobody is told any more
_OPEN = (
    "SELECT 1 FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"
    " WHERE r.state IN ('receiving', 'pending', 'working')"
    " AND i.series_id IN (SELECT value FROM json_each(?)) LIMIT 1"
)
_TOLD = (
    "SELECT data FROM events WHERE topic = 'protocol.missing'"
    " AND json_extract(data, '$.project') = ? AND json_extract(data, '$.psid') = ?"
)
_QUIET = (
    "SELECT s.project_id, p.name AS project, s.pid || '#' || s.sid AS psid,"
    " max(ifnull(e.at, s.created_at)) AS at FROM incoming_series s"
    " JOIN projects p ON p.id = s.project_id AND p.state <> 'trashed'"
    " LEFT JOIN examined e ON e.series_id = s.id WHERE s.pid IS NOT NULL AND s.sid IS NOT NULL"
    " AND s.id > (SELECT max(id) FROM incoming_series) - ?"
    " GROUP BY 1, 3 HAVING at BETWEEN ? AND ?"
)
_RECENT = 2000


def sessions_gone_quiet(con: sqlite3.Connection, now: int) -> list[tuple[int, str, str]]:
    """Give project id, project and ``PID#SID`` of sessions whose last series came a while ago."""
    rows = con.execute(_QUIET, (_RECENT, now - _LATE_MS, now - QUIET_MS)).fetchall()
    return [
        (row["project_id"], row["project"], row["psid"])
        for row in rows
        if missed(con, row["project_id"], row["project"], row["psid"], over=True)
    ]


def tell_missing(tx: Tx, project_id: int, project: str, psid: str, *, over: bool) -> None:
    """Let it be known what a session misses and nobody was told of.

    Parameters
    ----------
    over : bool
        Whether nothing more is expected; else only what was passed over is told.
    """
    names = missed(tx.con, project_id, project, psid, over=over)
    if names:
        tx.event("protocol.missing", project=project, psid=psid, series=names)


def missed(
    con: sqlite3.Connection, project_id: int, project: str, psid: str, *, over: bool
) -> list[str]:
    """Name what a session misses and nobody was told of; nothing while more of it is coming."""
    protocol = kept_protocol(con, project_id)
    if not protocol.series:
        return []
    rows = series_of(con, project_id, psid)
    if any(_is_coming(row) for row in rows):
        return []
    ids = json.dumps([row["id"] for row in rows])
    if con.execute(_OPEN, (ids,)).fetchone():
        return []
    found = [one for one, _ in compare(protocol, rows).values()]
    if not over:
        came = [n for n, one in enumerate(protocol.series) if one in found]
        protocol = Protocol(series=protocol.series[: max(came, default=0)])
    told = {
        name
        for (data,) in con.execute(_TOLD, (project, psid))
        for name in msgspec.json.decode(data)["series"]
    }
    return [name for name in missing_series(protocol, found) if name not in told]


def _is_coming(row: Any) -> bool:
    """Whether a series is not through yet; one that failed, or waits for a person, is."""
    if row["state"] in ("failed", "waiting"):
        return False
    return row["state"] != "done" or row["parameters"] is None
