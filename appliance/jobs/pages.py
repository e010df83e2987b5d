"""Pages of the table of jobs: which rows stand on them, at which places, and how many there are.

What is asked most stays quick whatever the number of jobs: the newest of some states are read from
an index of each state, and counts come from `job_count`, which triggers keep.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from appliance.jobs.columns import conditions, sort_expression
from appliance.jobs.rows import JobQuery, JobRow, Place, Placed
from appliance.jobs.states import letter_of, states_of

__all__ = [
    "THERE",
    "count_by_owner",
    "count_rows",
    "job_ids",
    "job_rows",
    "job_with",
    "places",
    "row_of",
]

THERE = "job.batch_id NOT IN (SELECT id FROM batch WHERE submitting = 1)"
"""Leaves out the jobs of batches that are still being submitted."""
_TABLE = re.compile(r"\b(?:batch|a)\.")
_EXPRESSIONS = {
    "created": "job.created_at",
    "started": "job.started_at",
    "ended": "job.ended_at",
    "updated": "job.updated_at",
    "name": "job.name",
    "function": "job.function",
    "psid": "job.psid",
    "state": "job.state",
    "batch": "batch.name",
    "queue": "job.queue",
    "adapter": "job.adapter",
    "project": "job.project",
    "owner": "batch.actor",
    "why": "job.why",
    "failure": "job.failure",
    "key": "job.key",
    "attempt": "job.attempt",
    "cpus": "job.cpus",
    "memory_mb": "job.memory_mb",
    "gpus": "job.gpus",
    "priority": "job.priority",
    "wall_s": "a.wall_s",
    "cpu_s": "a.cpu_s",
    "maxrss_kb": "a.maxrss_kb",
}
_SEARCHED = (
    *("job.name", "job.function", "job.psid", "job.state", "job.why", "job.queue"),
    *("batch.name", "batch.actor"),
)
_BATCH = " JOIN batch ON batch.id = job.batch_id"
_ATTEMPT = " LEFT JOIN attempt a ON a.job_id = job.id AND a.n = job.attempt"
_SHOWN = ", ".join(
    f"job.{name}"
    for name in (
        *("id", "key", "name", "psid", "project", "study_id", "subject_id", "state", "queue"),
        *("attempt", "failure", "why", "created_at", "started_at", "ended_at", "updated_at"),
        *("cpus", "memory_mb", "gpus", "dismissed", "function", "adapter", "priority", "on_error"),
    )
)
_SELECT = (
    "SELECT {columns}, job.seq AS position, batch.key AS batch_key, batch.name AS batch_name,"
    " batch.actor AS owner, a.wall_s, a.cpu_s, a.maxrss_kb"
)
_ROWS = (
    f"{_SELECT.format(columns=_SHOWN)}, w.sort_value FROM ({{picked}}) w"
    f" CROSS JOIN job ON job.id = w.id{_BATCH}{_ATTEMPT}"
    " ORDER BY w.sort_value {order}, w.id {order}"
)
_ONE = f"{_SELECT.format(columns='job.*')} FROM job{_BATCH}{_ATTEMPT} WHERE job.key = ?"
_COUNTED = (
    "FROM job_count c JOIN batch ON batch.id = c.batch_id"
    " WHERE batch.submitting = 0 AND c.dismissed = ?"
)
_USUAL = " INDEXED BY job_by_state"
_PROJECT = "batch.project_id = (SELECT id FROM projects WHERE name = ?)"
_Part = tuple[str, list[Any]]


class _Sql(NamedTuple):
    """A statement and its values."""

    text: str
    values: list[Any]


def job_rows(con: sqlite3.Connection, query: JobQuery, after: Place | None = None) -> list[Placed]:
    """Give the jobs behind a place in the query's order; dismissed ones only when asked for.

    One more than the query's limit is given where there are more.
    """
    picked = _picked(query, after, query.limit + 1)
    sql = _ROWS.format(picked=picked.text, order=_order(query))
    rows = con.execute(sql, picked.values).fetchall()
    return [Placed(Place(row["sort_value"], row["id"]), row_of(row)) for row in rows]


def places(con: sqlite3.Connection, query: JobQuery, start: int, count: int) -> list[Place]:
    """Give the places of some rows from the one with number `start`, counted from 0, on."""
    picked = _picked(query, None, start + count)
    sql = f"{picked.text} OFFSET ?"  # LIMIT is its last word
    picked.values[-1] = count
    rows = con.execute(sql, [*picked.values, start])
    return [Place(row["sort_value"], row["id"]) for row in rows]


def job_with(con: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    """Give the row of a job with its batch and its present attempt, if there is one."""
    row: sqlite3.Row | None = con.execute(_ONE, (key,)).fetchone()
    return row


def row_of(row: sqlite3.Row) -> JobRow:
    """Show a row of the table."""
    data = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates values
    data |= {"letter": letter_of(row["state"]), "dismissed": bool(row["dismissed"])}
    return msgspec.convert(data, JobRow)


def count_rows(con: sqlite3.Connection, query: JobQuery) -> int:
    """Count the jobs that fit."""
    if _is_counted(query):
        sql, values = _counted(query)
        return int(con.execute(f"SELECT ifnull(sum(c.n), 0) {sql}", values).fetchone()[0])
    where, values = _joined(_parts(query))
    sql = f"SELECT count(*) FROM job{_tables(where)} WHERE {where}"
    return int(con.execute(sql, values).fetchone()[0])


def job_ids(con: sqlite3.Connection, query: JobQuery) -> list[int]:
    """Give the ids of all jobs that fit, oldest first."""
    where, values = _joined(_parts(query))
    sql = f"SELECT job.id FROM job{_tables(where)} WHERE {where} ORDER BY job.id"
    return [row[0] for row in con.execute(sql, values)]


def count_by_owner(
    con: sqlite3.Connection, query: JobQuery, login: str
) -> dict[str, dict[str, int]]:
    """Count the jobs that fit by letter: a user's ``own`` and those of ``others``."""
    if _is_counted(query):
        sql, values = _counted(query)
        select = f"SELECT batch.actor = ?, c.state, sum(c.n) {sql} GROUP BY 1, 2"
    else:
        where, values = _joined(_parts(query))
        tables = f"FROM job{_BATCH}{_ATTEMPT}"
        select = f"SELECT batch.actor = ?, job.state, count(*) {tables} WHERE {where} GROUP BY 1, 2"
    counts: dict[str, dict[str, int]] = {"own": {}, "others": {}}
    for row in con.execute(select, [login, *values]):
        side, letter = counts["own" if row[0] else "others"], letter_of(row[1])
        side[letter] = side.get(letter, 0) + row[2]
    return {name: {one: n for one, n in side.items() if n} for name, side in counts.items()}


def _is_counted(query: JobQuery) -> bool:
    """Tell whether the kept counts answer a question."""
    return query.study_id is None and not query.column_filters and not query.patterns()


def _counted(query: JobQuery) -> _Sql:
    parts: list[_Part] = [(_COUNTED, [query.dismissed])]
    if query.project:
        parts.append((_PROJECT, [query.project]))
    if query.project_ids is not None:
        inside = "batch.project_id IN (SELECT value FROM json_each(?))"
        parts.append((inside, [json.dumps(sorted(query.project_ids))]))
    if query.batch:
        parts.append(("batch.key = ?", [query.batch]))
    if query.in_some_states:
        states = states_of(query.letters)
        parts.append((f"c.state IN ({', '.join('?' * len(states))})", list(states)))
    return _joined(parts)


def _picked(query: JobQuery, after: Place | None, limit: int) -> _Sql:
    """Choose ids and what they are sorted by, in order; the last value is a limit."""
    parts = _parts(query, states=False)
    if after is not None:
        behind = f"({_sort(query)}, job.id) {'<' if query.descending else '>'} (?, ?)"
        parts.append((behind, list(after)))
    if not _by_state(query):
        return _arm(query, _joined([*parts, *_in_states(query)]), limit)
    arms = [
        _arm(query, _joined([("job.state = ?", [state]), *parts]), limit, _USUAL)
        for state in states_of(query.letters)
    ]
    text, order = " UNION ALL ".join(f"SELECT * FROM ({arm.text})" for arm in arms), _order(query)
    text = f"SELECT id, sort_value FROM ({text}) ORDER BY sort_value {order}, id {order} LIMIT ?"
    return _Sql(text, [*(value for arm in arms for value in arm.values), limit])


def _by_state(query: JobQuery) -> bool:
    """Tell whether rows are best read state by state: in the usual order, of no single thing."""
    whole = not query.batch and query.study_id is None
    some = query.in_some_states and states_of(query.letters)
    return bool(some) and query.sort_name == "created" and whole


def _arm(query: JobQuery, where: _Sql, limit: int, index: str = "") -> _Sql:
    sort, order = _sort(query), _order(query)
    text = (
        f"SELECT job.id AS id, {sort} AS sort_value FROM job{index}{_tables(where.text + sort)}"
        f" WHERE {where.text} ORDER BY sort_value {order}, job.id {order} LIMIT ?"
    )
    return _Sql(text, [*where.values, limit])


def _tables(text: str) -> str:
    """Give the tables that an expression needs beside that of jobs."""
    used = set(_TABLE.findall(text))
    return f"{_BATCH if 'batch.' in used else ''}{_ATTEMPT if 'a.' in used else ''}"


def _parts(query: JobQuery, *, states: bool = True) -> list[_Part]:
    """Turn a query into SQL over ``job``, ``batch`` and ``a``, its present attempt."""
    parts: list[_Part] = [("job.dismissed = ?", [query.dismissed]), (THERE, [])]
    if query.project:
        parts.append(("job.project = ?", [query.project]))
    if query.project_ids is not None:
        inside = "job.project_id IN (SELECT value FROM json_each(?))"
        parts.append((inside, [json.dumps(sorted(query.project_ids))]))
    if query.batch:
        parts.append(("job.batch_id = (SELECT id FROM batch WHERE key = ?)", [query.batch]))
    if query.study_id is not None:
        parts.append(("job.study_id = ?", [query.study_id]))
    if states:
        parts += _in_states(query)
    parts += conditions(query.column_filters, _EXPRESSIONS)
    for like in query.patterns():
        test = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in _SEARCHED)
        parts.append((f"({test})", [like] * len(_SEARCHED)))
    return parts


def _in_states(query: JobQuery) -> list[_Part]:
    if not query.in_some_states:
        return []
    states = states_of(query.letters)
    return [(f"job.state IN ({', '.join('?' * len(states))})", list(states))]


def _joined(parts: Iterable[_Part]) -> _Sql:
    some = list(parts)
    return _Sql(" AND ".join(sql for sql, _ in some), [v for _, values in some for v in values])


def _order(query: JobQuery) -> str:
    return "DESC" if query.descending else "ASC"


def _sort(query: JobQuery) -> str:
    """Give what to sort by; the usual order is that of an index."""
    if query.sort_name == "created":
        return "job.created_at"
    return sort_expression(query.sort_name, _EXPRESSIONS)
