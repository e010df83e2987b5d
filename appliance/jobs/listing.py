"""Questions to the tables of jobs: the table of jobs, one job, counts per study, filters, logs."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import Invalid, NotFound
from appliance.jobs.columns import conditions, sort_expression
from appliance.jobs.logfile import log_gap, read_piece
from appliance.jobs.rows import (
    AttemptRow,
    JobDetail,
    JobFileRow,
    JobQuery,
    JobRow,
    LogPiece,
    Place,
    Placed,
)
from appliance.jobs.states import ENDED, LETTERS, State, letter_of, states_of

__all__ = [
    "count_by_owner",
    "count_jobs",
    "count_rows",
    "find_job",
    "job_attribute",
    "job_detail",
    "job_ids",
    "job_rows",
    "read_log",
    "where_of",
]

_LOG_BYTES = 256 << 10
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
_FROM = (
    "FROM job JOIN batch ON batch.id = job.batch_id"
    " LEFT JOIN attempt a ON a.job_id = job.id AND a.n = job.attempt"
)
_SELECT = (
    "SELECT job.*, job.seq AS position, batch.key AS batch_key, batch.name AS batch_name,"
    " batch.actor AS owner, a.wall_s, a.cpu_s, a.maxrss_kb, {sort} AS sort_value"
    f" {_FROM} WHERE {{where}}"
)


_ATTEMPTS = """
SELECT a.*, (SELECT r.spec FROM job_revision r WHERE r.job_id = a.job_id AND r.n >= a.n
  ORDER BY r.n LIMIT 1) AS spec FROM attempt a WHERE a.job_id = ? ORDER BY a.n
"""


def job_rows(con: sqlite3.Connection, query: JobQuery, after: Place | None = None) -> list[Placed]:
    """Give the jobs behind a place in the query's order; dismissed ones only when asked for.

    One more than the query's limit is given where there are more.
    """
    where, values = where_of(query)
    sort, order = _sort(query.sort_name), "DESC" if query.descending else "ASC"
    if after is not None:
        where += f" AND ({sort}, job.id) {'<' if query.descending else '>'} (?, ?)"
        values = [*values, *after]
    sql = _SELECT.format(sort=sort, where=where)
    rows = con.execute(
        f"{sql} ORDER BY sort_value {order}, job.id {order} LIMIT ?", [*values, query.limit + 1]
    ).fetchall()
    return [Placed(Place(row["sort_value"], row["id"]), _row(row)) for row in rows]


def count_rows(con: sqlite3.Connection, query: JobQuery) -> int:
    """Count the jobs that fit."""
    where, values = where_of(query)
    tables = "FROM job" if not {"batch.", "a."} & set(_TABLE.findall(where)) else _FROM
    return int(con.execute(f"SELECT count(*) {tables} WHERE {where}", values).fetchone()[0])


def job_ids(con: sqlite3.Connection, query: JobQuery) -> list[int]:
    """Give the ids of all jobs that fit, oldest first."""
    where, values = where_of(query)
    sql = f"SELECT job.id {_FROM} WHERE {where} ORDER BY job.id"
    return [row[0] for row in con.execute(sql, values)]


def count_by_owner(
    con: sqlite3.Connection, query: JobQuery, login: str
) -> dict[str, dict[str, int]]:
    """Count the jobs that fit by letter: a user's ``own`` and those of ``others``."""
    where, values = where_of(query)
    counts: dict[str, dict[str, int]] = {"own": {}, "others": {}}
    for row in con.execute(
        f"SELECT batch.actor = ?, job.state, count(*) {_FROM} WHERE {where} GROUP BY 1, 2",
        [login, *values],
    ):
        side, letter = counts["own" if row[0] else "others"], letter_of(row[1])
        side[letter] = side.get(letter, 0) + row[2]
    return counts


def find_job(con: sqlite3.Connection, key: str) -> sqlite3.Row:
    """Give the row of a job.

    Raises
    ------
    NotFound
        If there is none.
    """
    row: sqlite3.Row | None = con.execute(
        _SELECT.format(sort="job.id", where="job.key = ?"), (key,)
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no job {key}")
    return row


def job_detail(con: sqlite3.Connection, key: str) -> JobDetail:
    """Give a job with all its attempts, files and history."""
    row = find_job(con, key)
    attempts = con.execute(_ATTEMPTS, (row["id"],))
    files = con.execute("SELECT * FROM job_file WHERE job_id = ? ORDER BY id", (row["id"],))
    history = con.execute(
        "SELECT at, from_state, to_state, actor, why FROM job_event WHERE job_id = ? ORDER BY id",
        (row["id"],),
    )
    return JobDetail(
        row=_row(row),
        spec=json.loads(row["spec"]),
        attempts=[_convert(one, AttemptRow) for one in attempts.fetchall()],
        files=[_convert(one, JobFileRow) for one in files.fetchall()],
        history=[dict(one) for one in history.fetchall()],
    )


def read_log(
    con: sqlite3.Connection, key: str, *, attempt: int | None = None, offset: int = 0
) -> LogPiece:
    """Give a piece of the log of an attempt, of the latest one by default.

    Bytes that are no UTF-8 are shown as replacement characters; a character that is cut by the
    end of the piece belongs to the next one.
    """
    row = find_job(con, key)
    n = attempt or row["attempt"]
    found = con.execute(
        "SELECT run_dir FROM attempt WHERE job_id = ? AND n = ?", (row["id"], n)
    ).fetchone()
    over = State(row["state"]) in ENDED or n < row["attempt"]
    if found is None:
        return LogPiece("", 0, over)
    data, after = read_piece(Path(found["run_dir"]) / "log.txt", offset, _LOG_BYTES)
    last = over and len(data) < _LOG_BYTES and after == offset + len(data)
    whole = data if last or after != offset + len(data) else _whole_characters(data)
    text = whole.decode("utf-8", "replace")
    return LogPiece(text, after - len(data) + len(whole), last and not _goes_on(found, after))


def count_jobs(
    con: sqlite3.Connection, study_ids: Sequence[int]
) -> Mapping[int, Mapping[str, int]]:
    """Count jobs by letter for rows of studies; jobs of a subject count for all its studies."""
    counts: dict[int, dict[str, int]] = {}
    marks = json.dumps(list(study_ids))
    for row in con.execute(_COUNTS, (marks, marks)):
        of_study = counts.setdefault(row["id"], {})
        letter = letter_of(row["state"])
        of_study[letter] = of_study.get(letter, 0) + row["n"]
    return counts


_COUNTS = """
SELECT id, state, sum(n) AS n FROM (
  SELECT w.value AS id, j.state, count(*) AS n FROM json_each(?) w
  CROSS JOIN job j ON j.study_id = w.value AND j.dismissed = 0 GROUP BY 1, 2
  UNION ALL
  SELECT w.value, j.state, count(*) FROM json_each(?) w CROSS JOIN studies s ON s.id = w.value
  CROSS JOIN job j ON j.subject_id = s.subject_id AND j.study_id IS NULL AND j.dismissed = 0
  GROUP BY 1, 2
) GROUP BY id, state
"""


def job_attribute(value: str) -> tuple[str, Sequence[Any]]:
    """Answer ``JOB:e`` in filters: a query of the studies with a job in such a state.

    Raises
    ------
    Invalid
        If a letter is none of q, r, e, d, k.
    """
    letters = value.replace("|", "").replace("*", "").lower()
    if not letters or set(letters) - set(LETTERS):
        raise Invalid(
            f"JOB:{value} is not known", hint="Use q queued, r running, e error, d done, k stopped."
        )
    states = states_of(letters)
    marks = ", ".join("?" * len(states))
    sql = (
        f"SELECT study_id FROM job WHERE dismissed = 0 AND state IN ({marks})"
        " AND study_id IS NOT NULL UNION SELECT t.id FROM job j"
        " JOIN studies t ON t.subject_id = j.subject_id"
        f" WHERE j.study_id IS NULL AND j.dismissed = 0 AND j.state IN ({marks})"
    )
    return sql, [*states, *states]


def where_of(query: JobQuery) -> tuple[str, list[Any]]:
    """Turn a query into SQL over ``job``, ``batch`` and ``a``, its present attempt."""
    parts: list[tuple[str, list[Any]]] = [("job.dismissed = ?", [query.dismissed])]
    if query.project:
        parts.append(("job.project = ?", [query.project]))
    if query.project_ids is not None:
        inside = "job.project_id IN (SELECT value FROM json_each(?))"
        parts.append((inside, [json.dumps(sorted(query.project_ids))]))
    if query.batch:
        parts.append(("batch.key = ?", [query.batch]))
    if query.study_id is not None:
        parts.append(("job.study_id = ?", [query.study_id]))
    if query.in_some_states:
        states = states_of(query.letters)
        parts.append((f"job.state IN ({', '.join('?' * len(states))})", list(states)))
    parts += conditions(query.column_filters, _EXPRESSIONS)
    for like in query.patterns():
        test = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in _SEARCHED)
        parts.append((f"({test})", [like] * len(_SEARCHED)))
    return " AND ".join(sql for sql, _ in parts), [v for _, values in parts for v in values]


def _sort(name: str) -> str:
    """Give what to sort by; the usual order is that of an index."""
    return "job.created_at" if name == "created" else sort_expression(name, _EXPRESSIONS)


def _row(row: sqlite3.Row) -> JobRow:
    data = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates values
    data |= {"letter": letter_of(row["state"]), "dismissed": bool(row["dismissed"])}
    return msgspec.convert(data, JobRow)


def _convert(row: sqlite3.Row, kind: type[Any]) -> Any:
    data = dict(zip(row.keys(), row, strict=True))
    for name in ("gpu_uuids", "tags", "spec"):
        if data.get(name) is not None:
            data[name] = json.loads(data[name])
    if "arg_id" in data and data["dir"] == "tag":
        data["arg_id"] = ""
    return msgspec.convert(data, kind)


def _goes_on(attempt: sqlite3.Row, offset: int) -> bool:
    """Tell whether a piece ended only because the middle of the log was not kept."""
    gap = log_gap(Path(attempt["run_dir"]) / "log.txt")
    return gap is not None and offset < gap.end


def _whole_characters(data: bytes) -> bytes:
    """Leave a started UTF-8 character at the end for the next piece."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return data
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if back < needed else data
    return data
