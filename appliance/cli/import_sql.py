"""Questions to the tables of arrivals: imports of the table of jobs, and what became of files."""

# ruff: noqa: S608 - SQL is joined from constants only; values are parameters
from __future__ import annotations

import json
import sqlite3
from typing import Any

from appliance.cli.import_log import Fate
from appliance.core import NotFound
from appliance.exchange import ReceiptState
from appliance.jobs import JobQuery, Place, conditions, sort_expression

__all__ = [
    "COLUMNS",
    "LETTERS",
    "QUEUE",
    "count_imports",
    "fates",
    "find_import",
    "imports",
    "studies",
]

QUEUE = "DPXimport"
# An arrival that waits for a person counts as an error: it does not go on by itself.
LETTERS = {
    ReceiptState.RECEIVING: "q",
    ReceiptState.PENDING: "q",
    ReceiptState.WORKING: "r",
    ReceiptState.WAITING: "e",
    ReceiptState.PARTIAL: "e",
    ReceiptState.FAILED: "e",
    ReceiptState.DONE: "d",
}
_NAME = "'import (' || r.kind || ')'"
_ARRIVED = "i.pid IS NOT NULL AND i.sid IS NOT NULL AND i.state IN"
_ARRIVED += " ('converted', 'stored', 'duplicate')"
_STUDIES = f"SELECT DISTINCT i.pid || '#' || i.sid AS psid FROM receipt_items i WHERE {_ARRIVED}"
_PSID = (
    f"(SELECT CASE WHEN count(*) = 1 THEN max(psid) END FROM ({_STUDIES}"
    " AND i.receipt_id = r.id LIMIT 2))"
)
COLUMNS = {
    "created": "r.created_at",
    "started": "iif(r.state IN ('receiving', 'pending'), NULL, r.created_at)",
    "ended": "r.closed_at",
    "updated": "r.updated_at",
    "name": _NAME,
    "function": "'import'",
    "psid": _PSID,
    "state": "r.state",
    "queue": f"'{QUEUE}'",
    "project": "p.name",
    "why": "r.reason",
    "key": "r.key",
}
_FROM = (
    "FROM receipts r JOIN projects p ON p.id = r.project_id"
    " LEFT JOIN dismissed_row d ON d.key = r.key AND d.updated_at = r.updated_at WHERE"
)
_PICK = f"SELECT r.id AS id, d.key AS dismissed, {{sort}} AS sort_value {_FROM} {{where}}"
_ROWS = (
    f"SELECT r.*, p.name AS project, {_PSID} AS psid, sort_value, dismissed"
    " FROM ({picked}) picked JOIN receipts r ON r.id = picked.id"
    " JOIN projects p ON p.id = r.project_id"
    " ORDER BY sort_value {order}, r.id {order}"
)
# Series are few and items many: CROSS JOIN has items looked up by their series, not read through.
_TOUCHING = (
    "r.id IN (SELECT i.receipt_id FROM incoming_series s CROSS JOIN receipt_items i"
    f" ON i.series_id = s.id WHERE {{series}} AND {_ARRIVED}"
    " UNION SELECT i.receipt_id FROM receipt_items i"
    f" WHERE i.series_id IS NULL AND {{item}} AND {_ARRIVED})"
)
_OF_ITS_PROJECT = "r.project_id = (SELECT project_id FROM studies WHERE id = ?)"
_OF_STUDY = (
    "({x}.pid, {x}.sid) = (SELECT u.pid, t.sid FROM studies t"
    " JOIN subjects u ON u.id = t.subject_id WHERE t.id = ?)"
)
_FATES = (
    "SELECT iif(state IN ('expected', 'sorted', 'unpacking'), 'received', state) AS state, reason,"
    " hint, count(*) AS n FROM receipt_items WHERE receipt_id = ? AND state <> 'unpacked'"
    " GROUP BY 1, 2, 3 ORDER BY n DESC, 1, 2, 3"
)


def imports(con: sqlite3.Connection, query: JobQuery, after: Place | None) -> list[sqlite3.Row]:
    """Give the imports behind a place in the query's order; one more than its limit at most."""
    where, values = _where(query)
    sort = sort_expression(query.sort_name, COLUMNS)
    order = "DESC" if query.descending else "ASC"
    if after is not None:
        where += f" AND ({sort}, r.id) {'<' if query.descending else '>'} (?, ?)"
        values = [*values, *after]
    picked = _PICK.format(sort=sort, where=where)
    picked += f" ORDER BY sort_value {order}, r.id {order} LIMIT ?"
    sql = _ROWS.format(picked=picked, order=order)
    return con.execute(sql, [*values, query.limit + 1]).fetchall()


def count_imports(con: sqlite3.Connection, query: JobQuery) -> int:
    """Count the imports that fit."""
    where, values = _where(query)
    return int(con.execute(f"SELECT count(*) {_FROM} {where}", values).fetchone()[0])


def find_import(con: sqlite3.Connection, key: str) -> sqlite3.Row:
    """Give the row of an import.

    Raises
    ------
    NotFound
        If there is none.
    """
    row: sqlite3.Row | None = con.execute(
        f"SELECT r.*, p.name AS project, {_PSID} AS psid, d.key AS dismissed {_FROM} r.key = ?",
        (key,),
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no import {key}")
    return row


def studies(con: sqlite3.Connection, receipt_id: int) -> list[str]:
    """List the studies (``PID#SID``) that an import brought something for."""
    found = con.execute(f"{_STUDIES} AND i.receipt_id = ? ORDER BY 1", (receipt_id,))
    return [row["psid"] for row in found]


def fates(con: sqlite3.Connection, receipt_id: int) -> list[Fate]:
    """Count the files of an import by state and reason, the largest group first."""
    return [Fate(*row) for row in con.execute(_FATES, (receipt_id,))]


def _where(query: JobQuery) -> tuple[str, list[Any]]:
    parts: list[tuple[str, list[Any]]] = [(f"d.key IS {'NOT ' * query.dismissed}NULL", [])]
    if query.batch:
        parts.append(("0", []))  # no import is of a batch
    if query.project:
        parts.append(("p.name = ?", [query.project]))
    if query.project_ids is not None:
        inside = "p.id IN (SELECT value FROM json_each(?))"
        parts.append((inside, [json.dumps(sorted(query.project_ids))]))
    if query.study_id is not None:
        parts.append((_OF_ITS_PROJECT, [query.study_id]))
        parts.append((_touching(_OF_STUDY), [query.study_id] * 2))
    if query.in_some_states:
        states = [state for state, letter in LETTERS.items() if letter in query.letters]
        parts.append((f"r.state IN ({', '.join('?' * len(states))})", list(states)))
    parts += conditions(query.column_filters, COLUMNS)
    parts += [_search(pattern) for pattern in query.patterns()]
    return " AND ".join(sql for sql, _ in parts), [v for _, values in parts for v in values]


def _search(pattern: str) -> tuple[str, list[Any]]:
    columns = (_NAME, "r.state", "r.reason", f"'{QUEUE}'")
    tests = [f"{column} LIKE ? ESCAPE '\\'" for column in columns]
    tests.append(_touching("{x}.pid || '#' || {x}.sid LIKE ? ESCAPE '\\'"))
    return f"({' OR '.join(tests)})", [pattern] * (len(columns) + 2)


def _touching(test: str) -> str:
    return _TOUCHING.format(series=test.format(x="s"), item=test.format(x="i"))
