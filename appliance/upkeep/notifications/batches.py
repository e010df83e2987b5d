"""What is to be told of batches: their end, failures on the way, jobs that somebody waits for."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from appliance.catalog import Event, Tx
from appliance.jobs import State
from appliance.upkeep.notifications.news import News, Said, counted

__all__ = ["BatchLook", "look_at_batches"]

_UNENDED = {"draft", "queued", "held", "starting", "running", "suspended", "finishing"}
_ENDED = frozenset(state.value for state in State) - _UNENDED
_FAILED = frozenset({State.FAILED.value, State.LOST.value})
_TOLD_OF = _FAILED | {State.DONE.value}
# The conditions are those of the indexes job_unended_by_batch and job_failed_by_batch.
_AT_WORK = (
    "SELECT EXISTS (SELECT 1 FROM job WHERE batch_id = ? AND state IN"
    " ('draft', 'queued', 'held', 'starting', 'running', 'suspended', 'finishing'))"
)
_N_FAILED = (
    "SELECT count(*) FROM job WHERE batch_id = ?"
    " AND state IN ('failed', 'lost') AND on_error <> 'ignore'"
)
_ONE_FAILED = (
    "SELECT name, psid FROM job WHERE batch_id = ?"
    " AND state IN ('failed', 'lost') AND on_error <> 'ignore' LIMIT 1"
)
_BATCHES = (
    "WITH some(id) AS (SELECT b.id FROM json_each(:keys) k CROSS JOIN batch b ON b.key = k.value"
    " UNION SELECT w.batch_id FROM notification_batches w JOIN batch b ON b.id = w.batch_id"
    " JOIN projects p ON p.id = b.project_id WHERE w.told_seq IS NULL"
    " AND (:all OR p.name IN (SELECT value FROM json_each(:projects))))"
    " SELECT b.id, b.key, b.name, b.actor, b.project_id, p.name AS project,"
    " json_extract(p.policy, '$.identified') AS identified, w.n_failed, w.told_seq"
    " FROM some JOIN batch b ON b.id = some.id JOIN projects p ON p.id = b.project_id"
    " LEFT JOIN notification_batches w ON w.batch_id = b.id"
)


@dataclass
class BatchLook:
    """What a look at batches found; `keep` writes down how far each has been told of."""

    news: list[News] = field(default_factory=list)
    watched: dict[int, int] = field(default_factory=dict)
    finished: dict[int, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self.news or self.watched or self.finished)

    def keep(self, tx: Tx, seq: int) -> None:
        """Write it down, in the transaction that makes the notifications.

        What was told of the end of a batch is kept until the events have been looked at up to
        there, so that those of before do not tell of it again.
        """
        tx.con.executemany(
            "INSERT INTO notification_batches VALUES (?, ?, NULL) ON CONFLICT (batch_id)"
            " DO UPDATE SET n_failed = excluded.n_failed, told_seq = NULL",
            list(self.watched.items()),
        )
        tx.con.executemany(
            "INSERT INTO notification_batches VALUES (?, 0, ?) ON CONFLICT (batch_id)"
            " DO UPDATE SET n_failed = 0, told_seq = excluded.told_seq",
            list(self.finished.items()),
        )
        tx.con.execute("DELETE FROM notification_batches WHERE told_seq <= ?", (seq,))


def look_at_batches(con: sqlite3.Connection, events: Sequence[Event], *, all_: bool) -> BatchLook:
    """Look at the batches that events are about.

    Parameters
    ----------
    all_ : bool
        Look at every batch that was at work, because events may be missing.
    """
    begun: dict[str, int] = {}
    touched: set[str] = set()
    projects: set[str] = set()
    for event in events:
        key = event.data.get("batch_key") if event.topic == "job.changed" else None
        if event.topic == "batch.changed":
            begun[str(event.data["key"])] = event.seq
        elif event.topic == "jobs.changed":
            projects.add(str(event.data["project"]))
        elif key and event.data["state"] in _ENDED:
            touched.add(str(key))
        elif key:
            begun[str(key)] = event.seq
    asked = {"keys": json.dumps(sorted(touched | begun.keys())), "all": all_}
    rows = con.execute(_BATCHES, {**asked, "projects": json.dumps(sorted(projects))}).fetchall()
    found, ended = BatchLook(), _ended_jobs(con, events)
    for row in rows:
        told = ended.get(row["key"], [])
        if told:
            found.news.append(_Batch(con, row).jobs_ended(told))
        if _is_at_work(row, begun.get(row["key"], 0)):
            _look_at(con, row, found)
    return found


def _is_at_work(row: sqlite3.Row, begun: int) -> bool:
    """Tell whether a batch was at work, or something has begun in it since its end was told."""
    if row["n_failed"] is None:
        return begun > 0
    return row["told_seq"] is None or begun > int(row["told_seq"])


def _ended_jobs(
    con: sqlite3.Connection, events: Sequence[Event]
) -> dict[str, list[tuple[sqlite3.Row, bool]]]:
    """Give, by key of the batch, the jobs that somebody asked to be told of and that have ended.

    With each comes whether it has failed.
    """
    states = {
        str(event.data["key"]): event.data["state"]
        for event in events
        if event.topic == "job.changed" and event.data.get("letter")
    }
    keys = [key for key, state in states.items() if state in _TOLD_OF]
    rows = con.execute(
        "SELECT job.key, job.name, job.psid, batch.key AS batch_key FROM json_each(?) k"
        " CROSS JOIN job ON job.key = k.value AND job.notify = 1"
        " JOIN batch ON batch.id = job.batch_id",
        (json.dumps(keys),),
    ).fetchall()
    found: dict[str, list[tuple[sqlite3.Row, bool]]] = {}
    for row in rows:
        found.setdefault(row["batch_key"], []).append((row, states[row["key"]] in _FAILED))
    return found


def _look_at(con: sqlite3.Connection, row: sqlite3.Row, found: BatchLook) -> None:
    if con.execute(_AT_WORK, (row["id"],)).fetchone()[0]:
        n_failed = int(con.execute(_N_FAILED, (row["id"],)).fetchone()[0])
        if row["n_failed"] != n_failed or row["told_seq"] is not None:
            found.watched[row["id"]] = n_failed
        if n_failed > (row["n_failed"] or 0):
            found.news.append(_Batch(con, row).failing(n_failed))
        return
    (last,) = con.execute("SELECT max(seq) FROM events").fetchone()
    found.finished[row["id"]] = int(last)
    news = _Batch(con, row).ended()
    if news is not None:
        found.news.append(news)


class _Batch:
    """One batch, and the words about it; of an identified project counts only."""

    def __init__(self, con: sqlite3.Connection, row: sqlite3.Row) -> None:
        self._con, self._row = con, row
        self._quiet = bool(row["identified"])
        self._name = "A batch" if self._quiet else f"Batch “{row['name']}”"

    def failing(self, n_failed: int) -> News:
        """Tell of failures while others still run."""
        title = f"{self._name}: {counted(n_failed, 'job has', 'jobs have')} failed so far"
        return self._news("job_failed", "error", (title, self._text(self._which(n_failed))))

    def ended(self) -> News | None:
        """Tell of the end; nothing, if nothing was done in it."""
        counts: Counter[str] = Counter()
        for state, ignored, n in self._con.execute(
            "SELECT state, on_error = 'ignore', count(*) FROM job WHERE batch_id = ? GROUP BY 1, 2",
            (self._row["id"],),
        ):
            word = "ignored" if state in _FAILED and ignored else _word(state)
            counts[word] += n
        if not counts["done"] + counts["failed"] + counts["ignored"]:
            return None
        failed = counts["failed"]
        told = ", ".join(
            f"{counts[word]} {said}"
            for word, said in (
                ("done", "done"),
                ("failed", "failed"),
                ("ignored", "failed as allowed"),
                ("stopped", "stopped or left out"),
            )
            if counts[word]
        )
        text = self._text(f"{told}.", self._which(failed))
        if not failed:
            return self._news("batch_done", "info", (f"{self._name} is done", text))
        title = f"{self._name}: {failed} of {counted(counts.total(), 'job', 'jobs')} failed"
        return self._news("batch_failed", "error", (title, text))

    def jobs_ended(self, jobs: Sequence[tuple[sqlite3.Row, bool]]) -> News:
        """Tell of jobs that somebody asked to be told of, each with whether it failed."""
        names = {row["name"] for row, _ in jobs}
        name = "" if self._quiet or len(names) > 1 else f" “{names.pop()}”"
        failed = sum(has_failed for _, has_failed in jobs)
        which = jobs[0][0]["psid"] if len(jobs) == 1 and not self._quiet else ""

        def say(n: int) -> Said:
            title = f"Job{name} has ended" if n == 1 else f"{n} jobs{name} have ended"
            told = f"{failed} of the last {len(jobs)} failed." if failed else ""
            of_one = f"Of {which}." if which and n == 1 else ""
            return title, self._text(told if n > 1 else "It failed." * bool(failed), of_one)

        return News(
            kind="job_ended",
            level="error" if failed else "info",
            about=f"ended:{self._row['key']}",
            say=say,
            link=lambda _n: self._link,
            n=len(jobs),
            project_id=self._row["project_id"],
            owners=(self._row["actor"],),
        )

    def _news(self, kind: str, level: Any, said: Said) -> News:
        return News(
            kind=kind,
            level=level,
            about=f"batch:{self._row['key']}",
            say=lambda _n: said,
            link=lambda _n: self._link,
            project_id=self._row["project_id"],
            owners=(self._row["actor"],),
        )

    def _which(self, n_failed: int) -> str:
        if n_failed != 1 or self._quiet:
            return ""
        row = self._con.execute(_ONE_FAILED, (self._row["id"],)).fetchone()
        of = f" of {row['psid']}" if row and row["psid"] else ""
        return f"Failed: “{row['name']}”{of}." if row else ""

    def _text(self, *parts: str) -> str:
        return " ".join([*(part for part in parts if part), f"Project {self._row['project']}."])

    @property
    def _link(self) -> str:
        project = quote(self._row["project"], safe="")
        return f"/jobs?project={project}&batch={self._row['key']}&state=all"


def _word(state: str) -> str:
    if state == State.DONE.value:
        return "done"
    return "failed" if state in _FAILED else "stopped"
