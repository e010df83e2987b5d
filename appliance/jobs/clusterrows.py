"""Reads and writes the rows of attempts that run on a cluster."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from appliance.catalog import Catalog, Tx
from appliance.core import now_ms
from appliance.jobs.finish import end_job, job_by_id
from appliance.jobs.states import LIVE, State, letter_of, transition
from appliance.jobs.workload import read_mark

__all__ = [
    "carrier_of",
    "find_keys",
    "live_attempts",
    "mark_running_there",
    "note",
    "refuse",
]

_IN_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))
_ATTEMPTS = f"""
SELECT j.id, j.key, j.state, j.cancel_by, j.queue, j.why, j.priority, j.cpus, j.memory_mb, j.gpus,
  j.walltime_s, j.grouped, a.n, a.run_dir, a.backend_ref, a.paused, a.carrier
FROM job j JOIN attempt a ON a.job_id = j.id AND a.n = j.attempt
WHERE j.state IN ({_IN_LIVE}) AND j.adapter = ? ORDER BY j.priority DESC, j.id
"""


def live_attempts(catalog: Catalog, adapter: str) -> list[sqlite3.Row]:
    """List the attempts that are, or should be, at an adapter."""
    with catalog.read() as con:
        return con.execute(_ATTEMPTS, (adapter,)).fetchall()


def carrier_of(catalog: Catalog, job: sqlite3.Row) -> tuple[str, int] | None:
    """Give the mark of what carries the present attempt of a job, if something does."""
    with catalog.read() as con:
        row = con.execute(
            "SELECT carrier FROM attempt WHERE job_id = ? AND n = ?", (job["id"], job["attempt"])
        ).fetchone()
    return read_mark(row["carrier"] or "") if row else None


def find_keys(catalog: Catalog, keys: Iterable[str]) -> set[str]:
    """Tell which keys are of jobs of ours."""
    wanted = json.dumps(sorted(keys))
    if wanted == "[]":
        return set()
    with catalog.read() as con:
        rows = con.execute(
            "SELECT key FROM job WHERE key IN (SELECT value FROM json_each(?))", (wanted,)
        )
        return {row["key"] for row in rows.fetchall()}


def note(tx: Tx, row: sqlite3.Row, **facts: Any) -> None:
    """Write down facts about an attempt, and `why` about its job; what is known is not repeated."""
    why = facts.pop("why", None)
    for name, value in facts.items():
        tx.con.execute(
            f"UPDATE attempt SET {name} = ? WHERE job_id = ? AND n = ?",
            (value, row["id"], row["n"]),
        )
    if why is not None and why != row["why"]:
        _say_why(tx, row, why)


def _say_why(tx: Tx, row: sqlite3.Row, why: str) -> None:
    job = job_by_id(tx.con, row["id"])
    if job["state"] != row["state"] or job["attempt"] != row["n"]:
        return
    tx.con.execute(
        "UPDATE job SET why = ?, updated_at = ? WHERE id = ?", (why, now_ms(), row["id"])
    )
    tx.event(
        "job.changed",
        key=job["key"],
        state=job["state"],
        letter=letter_of(job["state"]),
        psid=job["psid"],
        project=job["project"],
        study_id=job["study_id"],
    )


def mark_running_there(tx: Tx, row: sqlite3.Row, claim: Mapping[str, Any], node: str) -> None:
    """Write down that the supervisor of an attempt has begun on a node."""
    job = job_by_id(tx.con, row["id"])
    if job["state"] != State.STARTING or job["attempt"] != row["n"]:
        return
    tx.con.execute(
        "UPDATE attempt SET state = 'running', shim_pid = ?, shim_start = ?, boot_id = ?,"
        " host = ifnull(nullif(?, ''), host), started_at = ? WHERE job_id = ? AND n = ?",
        (
            *(claim.get("shim_pid"), claim.get("shim_start"), claim.get("boot_id")),
            *(node, now_ms(), row["id"], row["n"]),
        ),
    )
    transition(tx, row["id"], State.RUNNING, started_at=now_ms())


def refuse(tx: Tx, row: sqlite3.Row, state: State, why: str, failure: str) -> None:
    """End a job whose attempt never ran and now never can."""
    job = job_by_id(tx.con, row["id"])
    if State(job["state"]) in LIVE and job["attempt"] == row["n"]:
        end_job(tx, job, state, why, failure=failure)
