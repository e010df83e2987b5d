"""Questions to the tables of jobs: one job, its log, counts per study, the filter ``JOB:e``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import Invalid, NotFound
from appliance.jobs.logfile import log_gap, read_piece
from appliance.jobs.pages import THERE, job_rows, job_with, row_of
from appliance.jobs.rows import AttemptRow, JobDetail, JobFileRow, LogPiece
from appliance.jobs.states import ENDED, LETTERS, State, letter_of, states_of

__all__ = ["count_jobs", "find_job", "job_attribute", "job_detail", "job_rows", "read_log"]

_LOG_BYTES = 256 << 10
_ATTEMPTS = """
SELECT a.*, (SELECT r.spec FROM job_revision r WHERE r.job_id = a.job_id AND r.n >= a.n
  ORDER BY r.n LIMIT 1) AS spec FROM attempt a WHERE a.job_id = ? ORDER BY a.n
"""


def find_job(con: sqlite3.Connection, key: str) -> sqlite3.Row:
    """Give the row of a job.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = job_with(con, key)
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
        row=row_of(row),
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


_COUNTS = f"""
SELECT id, state, sum(n) AS n FROM (
  SELECT w.value AS id, job.state, count(*) AS n FROM json_each(?) w
  CROSS JOIN job ON job.study_id = w.value AND job.dismissed = 0 AND {THERE} GROUP BY 1, 2
  UNION ALL
  SELECT w.value, job.state, count(*) FROM json_each(?) w CROSS JOIN studies s ON s.id = w.value
  CROSS JOIN job ON job.subject_id = s.subject_id AND job.study_id IS NULL
    AND job.dismissed = 0 AND {THERE}
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
        f" AND study_id IS NOT NULL AND {THERE} UNION SELECT t.id FROM job"
        " JOIN studies t ON t.subject_id = job.subject_id WHERE job.study_id IS NULL"
        f" AND job.dismissed = 0 AND job.state IN ({marks}) AND {THERE}"
    )
    return sql, [*states, *states]


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
