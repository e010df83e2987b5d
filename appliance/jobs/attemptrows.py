"""What is written into the row of an attempt while it is on its way to an end."""

from __future__ import annotations

from appliance.catalog import Tx
from appliance.jobs.finish import job_by_id
from appliance.jobs.shim import boot_id
from appliance.jobs.states import State, transition

__all__ = ["mark_running"]


def mark_running(tx: Tx, job_id: int, pid: int, began: int) -> bool:
    """Write down the supervisor of a job that starts; tell whether someone cancelled it."""
    job = job_by_id(tx.con, job_id)
    tx.con.execute(
        "UPDATE attempt SET state = 'running', shim_pid = ?, shim_start = ?, boot_id = ?"
        " WHERE job_id = ? AND n = ?",
        (pid, began, boot_id(), job_id, job["attempt"]),
    )
    if job["state"] == State.STARTING:
        transition(tx, job_id, State.RUNNING)
    return job["cancel_by"] is not None
