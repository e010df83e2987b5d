"""What a person can do to a job: cancel, suspend, resume, retry, dismiss, restore."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from appliance.catalog import Catalog, Tx
from appliance.core import Conflict, Invalid, now_ms
from appliance.jobs.adapters import Adapters
from appliance.jobs.finish import attempt_folder, declared_outputs, skip_dependents
from appliance.jobs.listing import find_job
from appliance.jobs.outputs import move_partial
from appliance.jobs.reconcile import requeue_unstarted
from appliance.jobs.states import ENDED, LIVE, State, letter_of, transition

__all__ = ["Controls"]


class Controls:
    """Actions on jobs of one catalog.

    Parameters
    ----------
    catalog : Catalog
        Where jobs are.
    wake : callable
        Called after a change that may let a job start.
    adapters : Adapters
        Where live jobs run.
    """

    def __init__(self, catalog: Catalog, wake: Callable[[], None], adapters: Adapters) -> None:
        self._catalog = catalog
        self._adapters = adapters
        self._wake = wake
        self._order = threading.Lock()  # signals leave in the order of their transitions

    def cancel(self, key: str, actor: str) -> None:
        """End a job: at once when it waits, through its supervisor when it runs."""
        with self._order:
            job = self._catalog.write(lambda tx: _cancel(tx, key, actor))
            if job is not None:
                self._adapters.of(job).cancel(job)
        self._wake()

    def suspend(self, key: str, actor: str) -> None:
        """Stop the processes of a running job, or hold one that waits."""
        taken = self._take_back(key)
        with self._order:
            job = self._catalog.write(lambda tx: _suspend(tx, key, actor, taken))
            if job is not None:
                self._adapters.of(job).suspend(job)

    def resume(self, key: str, actor: str) -> None:
        """Let a suspended or held job go on."""
        with self._order:
            job = self._catalog.write(lambda tx: _resume(tx, key, actor))
            if job is not None:
                self._adapters.of(job).resume(job)
        self._wake()

    def hold(self, key: str, actor: str) -> None:
        """Keep a job that waits from being started."""
        taken = self._take_back(key)
        self._catalog.write(lambda tx: _hold(tx, key, actor, taken))

    def release(self, key: str, actor: str) -> None:
        """Let a held job wait for its turn again."""
        self._catalog.write(lambda tx: _release(tx, key, actor))
        self._wake()

    def _take_back(self, key: str) -> int | None:
        """Keep a job that waits at a cluster from starting there; give the attempt it was."""
        with self._catalog.read() as con:
            job = find_job(con, key)
        if job["state"] == State.STARTING and self._adapters.of(job).take_back(job):
            return int(job["attempt"])
        return None

    def guard(self, key: str, actor: str) -> None:
        """Suspend a running job until the disk has space again."""
        with self._order:
            job = self._catalog.write(lambda tx: _guard(tx, key, actor))
            self._adapters.of(job).suspend(job)

    def prioritise(self, key: str, priority: int, actor: str) -> None:
        """Let a job that has not started come sooner (above 0) or later (below 0)."""
        self._catalog.write(lambda tx: _prioritise(tx, key, priority, actor))
        self._wake()

    def retry(self, key: str, actor: str) -> None:
        """Queue an ended job again; half-made files move into its old run folder first.

        Earlier attempts are kept. Jobs that were skipped because of it wait again.
        """
        with self._order:
            with self._catalog.read() as con:
                job = find_job(con, key)
                _check_ended(job)
                if job["attempt"] and job["state"] != State.DONE:
                    outputs = declared_outputs(con, job["id"], job["attempt"])
                    move_partial(attempt_folder(con, job), outputs)
            self._catalog.write(lambda tx: _requeue(tx, key, actor))
        self._wake()

    def dismiss(self, key: str, actor: str) -> None:
        """Take an ended job out of the table; its rows and logs stay."""
        self._catalog.write(lambda tx: _dismiss(tx, key, actor))

    def restore(self, key: str, actor: str) -> None:
        """Bring a dismissed job back into the table."""
        self._catalog.write(lambda tx: _restore(tx, key, actor))

    def act(self, key: str, action: str, actor: str) -> None:
        """Do one of the above by its name.

        Raises
        ------
        Invalid
            If there is no such action.
        """
        actions = {
            "cancel": self.cancel,
            "suspend": self.suspend,
            "resume": self.resume,
            "hold": self.hold,
            "release": self.release,
            "guard": self.guard,
            "retry": self.retry,
            "dismiss": self.dismiss,
            "restore": self.restore,
        }
        if action not in actions:
            raise Invalid(f"nothing can be done to a job called {action!r}")
        actions[action](key, actor)


def _cancel(tx: Tx, key: str, actor: str) -> sqlite3.Row | None:
    job = find_job(tx.con, key)
    if State(job["state"]) in LIVE:
        tx.con.execute("UPDATE job SET cancel_by = ? WHERE id = ?", (actor, job["id"]))
        return job
    why = f"cancelled by {actor}"
    transition(tx, job["id"], State.CANCELLED, why, actor=actor, failure="cancelled")
    skip_dependents(tx, job["id"], job["name"])
    return None


def _suspend(tx: Tx, key: str, actor: str, taken: int | None) -> sqlite3.Row | None:
    job = _taken_back(tx, key, taken)
    if job["state"] == State.QUEUED:
        transition(tx, job["id"], State.HELD, f"held by {actor}", actor=actor)
        return None
    transition(tx, job["id"], State.SUSPENDED, f"suspended by {actor}", actor=actor)
    return job


def _resume(tx: Tx, key: str, actor: str) -> sqlite3.Row | None:
    job = find_job(tx.con, key)
    if job["state"] == State.HELD:
        transition(tx, job["id"], State.QUEUED, actor=actor)
        return None
    if job["state"] != State.SUSPENDED:
        raise Conflict(f"a job that is {job['state']} cannot be resumed")
    transition(tx, job["id"], State.RUNNING, actor=actor, guarded=0)
    return job


def _taken_back(tx: Tx, key: str, taken: int | None) -> sqlite3.Row:
    """Let a job wait again whose attempt will never run."""
    job = find_job(tx.con, key)
    if taken is not None and job["state"] == State.STARTING and job["attempt"] == taken:
        requeue_unstarted(tx, job["id"], "taken back before it began")
        return find_job(tx.con, key)
    return job


def _hold(tx: Tx, key: str, actor: str, taken: int | None = None) -> None:
    job = _taken_back(tx, key, taken)
    if job["state"] != State.QUEUED:
        raise Conflict(f"a job that is {job['state']} cannot be held", job=key)
    transition(tx, job["id"], State.HELD, f"held by {actor}", actor=actor)


def _release(tx: Tx, key: str, actor: str) -> None:
    job = find_job(tx.con, key)
    if job["state"] != State.HELD:
        raise Conflict(f"a job that is {job['state']} is not held", job=key)
    transition(tx, job["id"], State.QUEUED, actor=actor)


def _guard(tx: Tx, key: str, actor: str) -> sqlite3.Row:
    job = find_job(tx.con, key)
    why = "suspended until the disk has space again"
    transition(tx, job["id"], State.SUSPENDED, why, actor=actor, guarded=1)
    return job


def _prioritise(tx: Tx, key: str, priority: int, actor: str) -> None:
    job = find_job(tx.con, key)
    if job["state"] not in (State.QUEUED, State.HELD):
        raise Conflict(f"a job that is {job['state']} has no place in the order", job=key)
    tx.con.execute("UPDATE job SET priority = ? WHERE id = ?", (priority, job["id"]))
    tx.operation("prioritise_job", actor=actor, target={"job": key, "priority": priority})
    _tell(tx, job, letter_of(job["state"]))


def _check_ended(job: sqlite3.Row) -> None:
    if State(job["state"]) not in ENDED:
        raise Conflict(f"a job that is {job['state']} cannot be retried", job=job["key"])


def _requeue(tx: Tx, key: str, actor: str) -> None:
    job = find_job(tx.con, key)
    _check_ended(job)
    _rearm(tx, job["id"], actor)


def _rearm(tx: Tx, job_id: int, actor: str) -> None:
    fresh: dict[str, Any] = {"failure": None, "cancel_by": None, "retries": 0}
    transition(tx, job_id, State.QUEUED, actor=actor, queued_at=now_ms(), **fresh)
    rows = tx.con.execute(
        "SELECT j.id FROM job_dep d JOIN job j ON j.id = d.job_id"
        " WHERE d.needs_job_id = ? AND j.state = 'skipped'",
        (job_id,),
    ).fetchall()
    for row in rows:
        _rearm(tx, row["id"], actor)


def _dismiss(tx: Tx, key: str, actor: str) -> None:
    job = find_job(tx.con, key)
    if State(job["state"]) not in ENDED:
        raise Conflict(f"a job that is {job['state']} cannot be dismissed", job=key)
    tx.con.execute("UPDATE job SET dismissed = 1 WHERE id = ?", (job["id"],))
    tx.operation("dismiss_job", actor=actor, target={"job": key})
    _tell(tx, job, "")


def _restore(tx: Tx, key: str, actor: str) -> None:
    job = find_job(tx.con, key)
    if not job["dismissed"]:
        raise Conflict("this job is in the table", job=key)
    tx.con.execute("UPDATE job SET dismissed = 0 WHERE id = ?", (job["id"],))
    tx.operation("restore_job", actor=actor, target={"job": key})
    _tell(tx, job, letter_of(job["state"]))


def _tell(tx: Tx, job: sqlite3.Row, letter: str) -> None:
    tx.event(
        "job.changed",
        key=job["key"],
        state=job["state"],
        letter=letter,
        psid=job["psid"],
        batch_key=job["batch_key"],
        project=job["project"],
        study_id=job["study_id"],
    )
