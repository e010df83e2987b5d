"""Finds attempts of an earlier life of the service: adopt, finish, poison, or call them lost."""

from __future__ import annotations

import logging
import signal
import sqlite3
from pathlib import Path
from typing import Protocol

from appliance.catalog import Catalog, Tx, revoke_job_tokens
from appliance.jobs.attemptrows import mark_running
from appliance.jobs.attempts import (
    Exit,
    Fate,
    Loss,
    judge,
    open_pid,
    poison,
    read_claim,
    read_exit,
    send_signal,
)
from appliance.jobs.crash import crash_point
from appliance.jobs.finish import attempt_folder, end_job, job_by_id, record_exit
from appliance.jobs.shim import boot_id
from appliance.jobs.states import LIVE, State, transition

__all__ = [
    "Ends",
    "adopt",
    "finish_attempt",
    "live_jobs",
    "reconcile_job",
    "requeue_unstarted",
    "why_lost",
]

_LOG = logging.getLogger(__name__)
_LOSSES = {"lost": State.LOST, "cancelled": State.CANCELLED}
_IN_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))


class Ends(Protocol):
    """What an adapter knows of an end that the run folder does not tell."""

    def bury(self, job: sqlite3.Row, folder: Path) -> Loss:
        """End what is left of an attempt without ``exit.json``; say why it counts as lost."""

    def amend(self, job: sqlite3.Row, end: Exit) -> Exit:
        """Correct how an attempt ended, where its supervisor could not know."""


def live_jobs(catalog: Catalog, adapter: str) -> list[sqlite3.Row]:
    """List the jobs that have, or should have, a supervisor at one adapter."""
    with catalog.read() as con:
        return con.execute(
            f"SELECT * FROM job WHERE state IN ({_IN_LIVE}) AND adapter = ? ORDER BY id",
            (adapter,),
        ).fetchall()


def reconcile_job(catalog: Catalog, job: sqlite3.Row, ends: Ends) -> int | None:
    """Bring the row of a job in line with its run folder.

    Returns
    -------
    int or None
        A pidfd of the supervisor when it is alive.
    """
    with catalog.read() as con:
        folder = attempt_folder(con, job)
    fate = judge(folder)
    if fate is Fate.UNCLAIMED and not poison(folder):
        fate = judge(folder)  # a supervisor was quicker
    if fate is Fate.ALIVE:
        handle = adopt(catalog, job, folder)
        if handle is not None:
            return handle
        fate = judge(folder)
    if fate in (Fate.UNCLAIMED, Fate.POISONED):
        catalog.write(lambda tx: requeue_unstarted(tx, job["id"]))
    else:
        finish_attempt(catalog, job, folder, ends)
    return None


def adopt(catalog: Catalog, job: sqlite3.Row, folder: Path) -> int | None:
    """Take over a live supervisor, and tell it what it may have missed."""
    claim = read_claim(folder) or {}
    pid, began = int(claim["shim_pid"]), int(claim["shim_start"])
    handle = open_pid(pid, began)
    if handle is None:
        return None
    cancelled = catalog.write(lambda tx: mark_running(tx, job["id"], pid, began))
    if cancelled:
        send_signal(pid, began, signal.SIGTERM)
    elif job["state"] == State.SUSPENDED:
        send_signal(pid, began, signal.SIGTSTP)
    _LOG.info("job %s found again, attempt %d", job["key"], job["attempt"])
    return handle


def finish_attempt(catalog: Catalog, job: sqlite3.Row, folder: Path, ends: Ends) -> State | None:
    """Record the end of an attempt whose supervisor is gone."""
    crash_point("before_finish")
    found = read_exit(folder)
    end = None if found is None else ends.amend(job, found)
    if end is None or end.why == "lost":
        loss = ends.bury(job, folder)
        return catalog.write(lambda tx: _lose(tx, job["id"], loss))
    return catalog.write(lambda tx: _finish(tx, job["id"], end))


def requeue_unstarted(
    tx: Tx, job_id: int, why: str = "the service ended before it was started"
) -> None:
    """Queue a job again whose attempt never ran and now never can; or cancel it, if asked to."""
    job = job_by_id(tx.con, job_id)
    if State(job["state"]) not in LIVE:
        return
    if job["cancel_by"]:
        why = f"cancelled by {job['cancel_by']}"
        end_job(tx, job, State.CANCELLED, why, failure="cancelled")
        return
    tx.con.execute(
        "UPDATE attempt SET state = 'never_ran' WHERE job_id = ? AND n = ?",
        (job_id, job["attempt"]),
    )
    revoke_job_tokens(tx, job["key"])
    transition(tx, job_id, State.QUEUED, why)


def _finish(tx: Tx, job_id: int, end: Exit) -> State | None:
    job = job_by_id(tx.con, job_id)
    return record_exit(tx, job, end) if State(job["state"]) in LIVE else None


def _lose(tx: Tx, job_id: int, loss: Loss) -> State | None:
    job = job_by_id(tx.con, job_id)
    if State(job["state"]) not in LIVE:
        return None
    if job["cancel_by"]:  # killed before it could write down how it ended
        loss = Loss(f"cancelled by {job['cancel_by']}", "cancelled")
    state = _LOSSES.get(loss.failure, State.FAILED)
    end_job(tx, job, state, loss.why, failure=loss.failure)
    return state


def why_lost(folder: Path, killed: int) -> str:
    """Say why an attempt that ran on this machine left no ``exit.json``."""
    claim = read_claim(folder)
    if claim is None:
        text = _tail(folder / "shim.err")
        return f"its supervisor could not start{': ' + text if text else ''}"
    if claim.get("boot_id") != boot_id():
        return "the machine was restarted while it ran: retry it"
    rest = f" ({killed} processes of it were ended)" if killed else ""
    return f"its supervisor was killed{rest}: retry it"


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:200] if lines else ""
