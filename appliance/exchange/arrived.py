"""Which studies an arrival has brought something to, for those who do something with it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import msgspec

__all__ = ["Brought", "brought_by", "brought_since"]

# The series has an object that is not converted yet, of an arrival that rules run on, or not.
_WAITS = (
    "EXISTS (SELECT 1 FROM receipt_items o JOIN receipts q ON q.id = o.receipt_id"
    " WHERE o.series_id = w.id AND o.state = 'sorted'"
    " AND ifnull(json_extract(q.options, '$.autoexec'), 1) = {})"
)
_STUDIES = (
    "SELECT r.project_id, s.id, ifnull(r.closed_at, r.updated_at) AS at,"
    " (SELECT json_extract(d.route, '$.fire') FROM routed d WHERE d.receipt_id = r.id) AS fire,"
    " ifnull(json_extract(r.options, '$.autoexec_queue'), '') AS queue"
    " FROM receipts r"
    " JOIN receipt_items i ON i.receipt_id = r.id AND i.state IN ('converted', 'stored')"
    " JOIN subjects u ON u.project_id = r.project_id AND u.pid = i.pid AND u.trashed_at IS NULL"
    " JOIN studies s ON s.subject_id = u.id AND s.sid = i.sid AND s.trashed_at IS NULL"
    " WHERE r.kind <> 'existing' AND r.state IN ('done', 'partial', 'waiting')"
    " AND ifnull(json_extract(r.options, '$.autoexec'), 1)"
    # A study is whole when all its series are; the last of them brings it. What comes without
    # rules brings nothing, so nobody waits for it.
    " AND NOT EXISTS (SELECT 1 FROM incoming_series w WHERE w.project_id = r.project_id"
    "  AND w.pid = i.pid AND w.sid = i.sid AND w.state = 'ready'"
    f" AND ({_WAITS.format(1)} OR NOT {_WAITS.format(0)}))"
)


class Brought(msgspec.Struct, frozen=True):
    """The studies of one project that arrivals have brought something to, and when.

    `fire` names the autoexecution rules that the rule which led it here asks for, `queue`
    where the jobs of rules go; empty: to that of each rule.
    """

    project_id: int
    study_ids: tuple[int, ...]
    at: int
    fire: tuple[str, ...] = ()
    queue: str = ""


def brought_by(con: sqlite3.Connection, key: str) -> list[Brought]:
    """Give what one arrival has brought; nothing while it is worked on.

    What a folder of existing data has is left out, and so is what was there already, and what
    nobody is to do anything with.
    """
    return _grouped(con.execute(f"{_STUDIES} AND r.key = ? GROUP BY 1, 2", (key,)))


def brought_since(con: sqlite3.Connection, at: int) -> list[Brought]:
    """Give what all arrivals since a moment have brought."""
    return _grouped(con.execute(f"{_STUDIES} AND r.updated_at >= ? GROUP BY r.id, 2", (at,)))


def _grouped(rows: Any) -> list[Brought]:
    found: dict[tuple[int, int, str, str], list[int]] = {}
    for project_id, study_id, at, fire, queue in rows:
        found.setdefault((project_id, at, fire or "[]", queue), []).append(study_id)
    return [
        Brought(project, tuple(ids), at, tuple(json.loads(fire)), queue)
        for (project, at, fire, queue), ids in found.items()
    ]
