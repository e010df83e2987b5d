"""The rule by which a job is tried again without a person; see `Retry`."""

from __future__ import annotations

import math
import sqlite3

from appliance.catalog import Tx, revoke_job_tokens
from appliance.core import now_ms
from appliance.jobs.plan import plan_of
from appliance.jobs.states import State, transition

__all__ = ["retry_by_rule"]


def retry_by_rule(tx: Tx, job: sqlite3.Row, state: State, why: str, failure: str | None) -> bool:
    """Queue a job again whose attempt failed, if its rule says so.

    The attempt keeps how it ended; what it made is moved aside before the next one starts.

    Returns
    -------
    bool
        Whether the job waits again instead of having ended.
    """
    plan = plan_of(job)
    rule, reason = plan.job.retry, _reason(failure)
    if job["cancel_by"] or reason not in rule.after or job["retries"] >= rule.times:
        return False
    memory_mb = job["memory_mb"]
    if reason == "memory":
        memory_mb = math.ceil(memory_mb * max(1.0, rule.memory_factor))
    tx.con.execute(
        "UPDATE attempt SET state = ?, why = ?, ended_at = ifnull(ended_at, ?)"
        " WHERE job_id = ? AND n = ?",
        (state.value, why, now_ms(), job["id"], job["attempt"]),
    )
    revoke_job_tokens(tx, job["key"])
    number = job["retries"] + 1
    text = f"tried again by rule, {number} of {rule.times}: it {_SHORT[reason]}"
    transition(tx, job["id"], State.QUEUED, text, retries=number, memory_mb=memory_mb)
    tx.con.execute(
        "UPDATE job SET spec = json_set(spec, '$.resources.memory_mb', ?) WHERE id = ?",
        (memory_mb, job["id"]),
    )
    return True


_SHORT = {
    "lost": "was lost",
    "memory": "ran out of memory",
    "exit": "ended with an error",
}


def _reason(failure: str | None) -> str:
    """Name the class of an end as rules do; one of no class is never a reason."""
    if failure in ("lost", "memory"):
        return str(failure)
    if failure and failure.startswith(("exit(", "signal(")):
        return "exit"
    return ""
