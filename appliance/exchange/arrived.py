"""Which studies an arrival has brought something to, for those who do something with it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
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
    " ifnull(json_extract(r.options, '$.autoexec_queue'), '') AS queue, r.id"
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
_SOMEBODY_FIRES = (
    "SELECT 1 FROM routed d JOIN receipts q ON q.id = d.receipt_id WHERE q.project_id = ?"
    " AND json_array_length(d.route, '$.fire') > 0 LIMIT 1"
)
_OF_STUDY = (
    "SELECT DISTINCT q.id, q.created_at, ifnull(q.closed_at, q.updated_at) AS closed_at,"
    " (SELECT json_extract(d.route, '$.fire') FROM routed d WHERE d.receipt_id = q.id) AS fire"
    " FROM studies s JOIN subjects u ON u.id = s.subject_id"
    " JOIN receipts q ON q.project_id = u.project_id "
    "  AND q.updated_at >= (SELECT created_at FROM receipts WHERE id = ?) - ?"
    " JOIN receipt_items i ON i.receipt_id = q.id AND i.state IN ('converted', 'stored')"
    " AND i.pid = u.pid AND i.sid = s.sid"
    " WHERE s.id = ? AND q.kind <> 'existing' AND q.state IN ('done', 'partial', 'waiting')"
    " AND ifnull(json_extract(q.options, '$.autoexec'), 1)"
)
# Other arrivals that are through, of studies to which this one was to bring a series and failed.
_FREED = (
    "SELECT DISTINCT q.id FROM receipts r JOIN"
    " (SELECT DISTINCT receipt_id, pid, sid FROM receipt_items WHERE pid IS NOT NULL"
    "  AND receipt_id = (SELECT id FROM receipts WHERE key = ?1)"
    "  AND state IN ('quarantined', 'failed')) f ON f.receipt_id = r.id"
    " JOIN receipts q ON q.project_id = r.project_id AND q.id <> r.id"
    "  AND ifnull(q.closed_at, q.updated_at) >= r.created_at - ?2"
    "  AND q.state IN ('done', 'partial', 'waiting')"
    " JOIN receipt_items i ON i.receipt_id = q.id AND i.state IN ('converted', 'stored')"
    "  AND i.pid = f.pid AND i.sid = f.sid"
    " WHERE r.key = ?1 AND r.closed_at IS NOT NULL"
)
_LONGEST_MS = 24 * 3_600_000  # from the first of them to the begin of the last
_HEARD_MS = 10 * 60_000  # after which whoever looks for arrivals has seen one


class Brought(msgspec.Struct, frozen=True):
    """The studies of one project that arrivals have brought something to, and when.

    `fire` names the autoexecution rules that the rules which led it here ask for, and those that
    led what came to the study at the same time; `queue` where the jobs of rules go; empty: to
    that of each rule.
    """

    project_id: int
    study_ids: tuple[int, ...]
    at: int
    fire: tuple[str, ...] = ()
    queue: str = ""


def brought_by(con: sqlite3.Connection, key: str) -> list[Brought]:
    """Give what one arrival has brought; nothing while it is worked on.

    What a folder of existing data has is left out, and so is what was there already, and what
    nobody is to do anything with. Where it failed, it gives what others have brought that waited
    for it.
    """
    freed = [row[0] for row in con.execute(_FREED, (key, _HEARD_MS))]
    if freed:
        rows = con.execute(
            f"{_STUDIES} AND (r.key = ? OR r.id IN (SELECT value FROM json_each(?)))"
            " GROUP BY r.id, 2",
            (key, json.dumps(freed)),
        ).fetchall()
        return _grouped(con, rows)
    return _grouped(con, con.execute(f"{_STUDIES} AND r.key = ? GROUP BY 1, 2", (key,)).fetchall())


def brought_since(con: sqlite3.Connection, at: int) -> list[Brought]:
    """Give what all arrivals since a moment have brought."""
    rows = con.execute(f"{_STUDIES} AND r.updated_at >= ? GROUP BY r.id, 2", (at,)).fetchall()
    return _grouped(con, rows)


def _grouped(con: sqlite3.Connection, rows: Sequence[Any]) -> list[Brought]:
    found: dict[tuple[int, int, tuple[str, ...], str], list[int]] = {}
    fires = {project: con.execute(_SOMEBODY_FIRES, (project,)).fetchone() for project, *_ in rows}
    for project_id, study_id, at, fire, queue, receipt_id in rows:
        names = tuple(json.loads(fire or "[]"))
        if fires[project_id]:
            names = _fired_together(con, study_id, receipt_id) or names
        found.setdefault((project_id, at, names, queue), []).append(study_id)
    return [
        Brought(project, tuple(ids), at, names, queue)
        for (project, at, names, queue), ids in found.items()
    ]


def _fired_together(con: sqlite3.Connection, study_id: int, receipt_id: int) -> tuple[str, ...]:
    """Give the rules that the arrivals of a study ask for which came at one time.

    Those that were through first brought nothing, because the study was not whole: the last one
    speaks for all.
    """
    rows = con.execute(_OF_STUDY, (receipt_id, _LONGEST_MS, study_id)).fetchall()
    last = next((row for row in rows if row["id"] == receipt_id), None)
    if last is None:
        return ()
    names, since = dict.fromkeys(json.loads(last["fire"] or "[]")), last["created_at"]
    for row in sorted(rows, key=lambda row: -row["closed_at"]):
        if row["id"] == receipt_id or row["closed_at"] > last["closed_at"]:
            continue
        if row["closed_at"] + _HEARD_MS < since:
            break
        names |= dict.fromkeys(json.loads(row["fire"] or "[]"))
        since = min(since, row["created_at"])
    return tuple(names)
