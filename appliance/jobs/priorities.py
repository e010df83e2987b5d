"""Puts jobs that wait before or behind others: many at once, in one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence

from appliance.catalog import Tx
from appliance.core import Invalid
from appliance.jobs.bulk import Outcome
from appliance.jobs.states import State

__all__ = ["prioritise_jobs"]

_LIMIT = 1_000_000_000
_MOVED = """
UPDATE job SET priority = :priority, updated_at = max(updated_at, :now)
WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('queued', 'held')
RETURNING id, key, project
"""
_OTHERS = """
SELECT job.id, job.key, job.state FROM json_each(?) w CROSS JOIN job ON job.id = w.value
"""


def prioritise_jobs(tx: Tx, ids: Sequence[int], priority: int, actor: str, *, now: int) -> Outcome:
    """Let jobs that wait come sooner (above 0) or later (below 0) than others.

    Parameters
    ----------
    ids : sequence of int
        Rows of jobs.
    priority : int
        The largest starts first.
    now : int
        Wall clock in ms.

    Returns
    -------
    Outcome
        Jobs that do not wait here any more refuse.

    Raises
    ------
    Invalid
        If nobody could mean that priority.
    """
    if abs(priority) > _LIMIT:
        raise Invalid(f"a priority is a whole number, such as 10 or -10, not {priority}")
    facts = {"ids": json.dumps(list(ids)), "priority": priority, "now": now}
    moved = {row["id"]: row for row in tx.con.execute(_MOVED, facts).fetchall()}
    outcome = Outcome(n=len(moved))
    for row in tx.con.execute(_OTHERS, (facts["ids"],)):
        if row["id"] not in moved:
            outcome.refuse(row["key"], _refusal(State(row["state"])))
    if moved:
        keys = [row["key"] for row in moved.values()]
        target = {"jobs": keys[:200], "n": len(keys), "priority": priority}
        tx.operation("prioritise_job", actor=actor, target=target)
        for project in sorted({row["project"] for row in moved.values()}):
            tx.event("jobs.changed", project=project, n=len(moved))
    return outcome


def _refusal(state: State) -> str:
    if state is State.STARTING:
        return "it was handed over already: hold it first"
    return f"a job that is {state} has no place in the order"
