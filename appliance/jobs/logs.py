"""Looks through the logs of jobs, and gives them as one text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from appliance.core import NotFound, iso
from appliance.jobs.listing import find_job
from appliance.jobs.logfile import Gap, log_gap, read_whole

__all__ = ["LogHit", "LogHits", "log_lines", "search_log", "search_logs"]

_MOST_HITS = 1000
_MOST_LINE = 2000
_MOST_LOGS = 20_000
_LONGEST_LINE = 1 << 20


class LogHit(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log in which a text was found; `offset` is its first byte."""

    key: str
    attempt: int
    line: int
    offset: int
    text: str


class LogHits(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: in how many logs and lines, and the first lines."""

    items: list[LogHit]
    n: int
    n_logs: int
    complete: bool


def search_log(
    con: sqlite3.Connection, key: str, text: str, *, attempt: int | None = None, limit: int = 200
) -> LogHits:
    """Find a text, in any case, in the log of an attempt; of the latest one by default."""
    row = find_job(con, key)
    n = attempt or row["attempt"]
    items, total = _hits(key, n, _path(con, row["id"], n), text, limit)
    return LogHits(items=items, n=total, n_logs=1 if total else 0, complete=total <= len(items))


def search_logs(
    con: sqlite3.Connection, job_ids: Sequence[int], text: str, *, limit: int = 200
) -> LogHits:
    """Find a text in the latest logs of many jobs; of each log the first line is given."""
    items: list[LogHit] = []
    found, n_logs = 0, 0
    for job_id in job_ids[:_MOST_LOGS]:
        row = con.execute("SELECT key, attempt FROM job WHERE id = ?", (job_id,)).fetchone()
        if row is None or not row["attempt"]:
            continue
        path = _path(con, job_id, row["attempt"])
        first, total = _hits(row["key"], row["attempt"], path, text, 1)
        items += first if len(items) < limit else []
        found, n_logs = found + total, n_logs + bool(total)
    complete = len(job_ids) <= _MOST_LOGS and n_logs <= len(items)
    return LogHits(items=items, n=found, n_logs=n_logs, complete=complete)


def log_lines(con: sqlite3.Connection, key: str, *, attempt: int | None = None) -> Iterator[bytes]:
    """Give the log of an attempt as it is, or of all attempts with a heading over each.

    Raises
    ------
    NotFound
        If there is no such attempt.
    """
    row = find_job(con, key)
    if attempt is not None:
        path = _path(con, row["id"], attempt)
        if path is None:
            raise NotFound(f"job {key} has no attempt {attempt}")
        return read_whole(path)
    attempts = con.execute(
        "SELECT n, started_at, run_dir FROM attempt WHERE job_id = ? ORDER BY n", (row["id"],)
    ).fetchall()
    return _all_logs(row["name"], row["psid"], [tuple(one) for one in attempts])


def _all_logs(name: str, psid: str, attempts: Sequence[tuple[int, int, str]]) -> Iterator[bytes]:
    for n, started_at, run_dir in attempts:
        yield f"===== {name} {psid}, attempt {n}, {iso(started_at)} =====\n".encode()
        yield from read_whole(Path(run_dir) / "log.txt")
        yield b"\n"


def _path(con: sqlite3.Connection, job_id: int, n: int) -> Path | None:
    row = con.execute(
        "SELECT run_dir FROM attempt WHERE job_id = ? AND n = ?", (job_id, n)
    ).fetchone()
    return None if row is None else Path(row["run_dir"]) / "log.txt"


def _hits(key: str, n: int, path: Path | None, text: str, limit: int) -> tuple[list[LogHit], int]:
    wanted = text.casefold()
    items: list[LogHit] = []
    if path is None or not path.is_file() or not wanted:
        return items, 0
    total = 0
    for number, (offset, raw) in enumerate(_lines(path), 1):
        line = raw.decode("utf-8", "replace")
        if wanted in line.casefold():
            total += 1
            if len(items) < min(limit, _MOST_HITS):
                shown = line.rstrip("\r\n")[:_MOST_LINE]
                items.append(LogHit(key=key, attempt=n, line=number, offset=offset, text=shown))
    return items, total


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Give lines with their places, an endless one in pieces; what was not kept is passed over."""
    gap = log_gap(path)
    with path.open("rb") as stream:
        offset = 0
        while True:
            if gap is not None and gap.start <= offset < gap.end:
                offset = stream.seek(gap.end)
            line = stream.readline(_longest(gap, offset))
            if not line:
                return
            yield offset, line
            offset += len(line)


def _longest(gap: Gap | None, offset: int) -> int:
    """Give how far a line may go: not into what was not kept."""
    return (
        _LONGEST_LINE
        if gap is None or offset >= gap.end
        else min(_LONGEST_LINE, gap.start - offset)
    )
