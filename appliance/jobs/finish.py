"""The end of an attempt: its exit recorded, dependents skipped or re-armed, outputs registered."""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

from appliance.catalog import Catalog, Tx, revoke_job_tokens
from appliance.core import DataFolder, NotFound, now_ms
from appliance.jobs.attempts import Exit
from appliance.jobs.crash import crash_point
from appliance.jobs.outputs import missing, move_partial
from appliance.jobs.records import Remark, look_after, write_record
from appliance.jobs.registering import Found, find_outputs, write_outputs
from appliance.jobs.resolve import OutputPath
from appliance.jobs.retrying import retry_by_rule
from appliance.jobs.states import State, transition

__all__ = ["Finisher", "declared_outputs", "end_job", "put_aside", "record_exit", "skip_dependents"]

_LOG = logging.getLogger(__name__)
REGISTER_STEP = "register_outputs"
_ERRORS = (State.FAILED, State.LOST)


def record_exit(tx: Tx, job: sqlite3.Row, end: Exit) -> State:
    """Write down how an attempt ended and move its job on.

    Returns
    -------
    State
        ``finishing`` when outputs are to be registered now, else the final state.
    """
    tx.con.execute(
        "UPDATE attempt SET state = 'ended', code = ?, signal = ?, why = ?, wall_s = ?, cpu_s = ?,"
        " maxrss_kb = ?, suspended_s = ?, ended_at = ? WHERE job_id = ? AND n = ?",
        (
            *(end.code, end.signal, end.why, end.wall_s, end.cpu_s),
            *(end.maxrss_kb, end.suspended_s, end.ended_at, job["id"], job["attempt"]),
        ),
    )
    state, failure, why = _classify(end, job["cancel_by"])
    if state is State.FINISHING:
        transition(tx, job["id"], state, why)
    else:
        end_job(tx, job, state, why, failure=failure)
    return state


def _classify(end: Exit, cancel_by: str | None) -> tuple[State, str | None, str]:
    """Name the class of an end and say what to do next."""
    if end.why == "cancelled":
        return State.CANCELLED, "cancelled", f"cancelled by {cancel_by or 'a signal'}"
    if end.why == "timeout":
        return State.FAILED, "timeout", "took longer than its time limit: raise it and retry"
    if end.why == "memory":
        return State.FAILED, "memory", "ran out of memory: ask for more and retry"
    if end.signal is not None:
        name = signal.Signals(end.signal).name
        return State.FAILED, f"signal({name})", f"was ended by {name}: see the end of its log"
    if end.why == "cannot_start" or end.code in (126, 127):
        return State.FAILED, "cannot_start", "a program was not found or may not run: see its log"
    if end.code:
        return State.FAILED, f"exit({end.code})", f"ended with code {end.code}: see its log"
    return State.FINISHING, None, "registering outputs"


def end_job(
    tx: Tx,
    job: sqlite3.Row,
    state: State,
    why: str,
    *,
    failure: str | None,
    actor: str = "scheduler",
) -> None:
    """Move a job to a final state that is not done; its token dies, dependents are skipped.

    When its rule says so, it waits for another attempt instead.
    """
    if retry_by_rule(tx, job, state, why, failure):
        return
    shown = {"dismissed": 1} if job["on_error"] == "ignore" and state in _ERRORS else {}
    transition(tx, job["id"], state, why, actor=actor, failure=failure, **shown)
    tx.con.execute(
        "UPDATE attempt SET state = ?, why = ?, ended_at = ifnull(ended_at, ?)"
        " WHERE job_id = ? AND n = ?",
        (state.value, why, now_ms(), job["id"], job["attempt"]),
    )
    revoke_job_tokens(tx, job["key"])
    skip_dependents(tx, job["id"], job["name"])


def skip_dependents(tx: Tx, job_id: int, name: str) -> None:
    """Skip the jobs of the chain that needed this one to be done."""
    rows = tx.con.execute(
        "SELECT j.id FROM job_dep d JOIN job j ON j.id = d.job_id"
        " WHERE d.needs_job_id = ? AND d.kind = 'ok' AND j.state IN ('queued', 'held')",
        (job_id,),
    ).fetchall()
    for row in rows:
        transition(tx, row["id"], State.SKIPPED, f"job {name!r} before it was not done")
        skip_dependents(tx, row["id"], name)


def declared_outputs(con: sqlite3.Connection, job_id: int, attempt: int) -> list[OutputPath]:
    """Give the outputs that an attempt promised when it started."""
    rows = con.execute(
        "SELECT * FROM job_file WHERE job_id = ? AND n = ? AND dir = 'out' AND size_bytes IS NULL"
        " AND file_id IS NULL ORDER BY id",
        (job_id, attempt),
    ).fetchall()
    return [
        OutputPath(
            row["arg_id"].removesuffix("/"),
            row["study_id"],
            Path(row["path"]),
            tuple(json.loads(row["tags"])),
            row["arg_id"].endswith("/"),
        )
        for row in rows
    ]


def put_aside(con: sqlite3.Connection, job: sqlite3.Row) -> None:
    """Move what the last attempt left half-made into its run folder."""
    outputs = declared_outputs(con, job["id"], job["attempt"])
    move_partial(attempt_folder(con, job), outputs)


class Finisher:
    """The idempotent step that registers the outputs of jobs in state ``finishing``.

    Parameters
    ----------
    catalog : Catalog
        Where they are registered.
    folder : DataFolder
        Where they lie.
    done : callable
        Called after a job has left ``finishing``: the next of its chain may start.
    """

    def __init__(self, catalog: Catalog, folder: DataFolder, done: Callable[[], None]) -> None:
        self._catalog = catalog
        self._done = done
        self._folder = folder

    def step(self, job_id: int) -> None:
        """Register the outputs of a job, or fail it when some are missing."""
        self._settle(job_id)
        self._done()

    def _settle(self, job_id: int) -> None:
        with self._catalog.read() as con:
            job = job_by_id(con, job_id)
            if job["state"] != State.FINISHING:
                return
            outputs = declared_outputs(con, job_id, job["attempt"])
            run_dir = attempt_folder(con, job)
        crash_point("before_register")
        if absent := missing(outputs):
            self._catalog.write(lambda tx: _fail_missing(tx, job, absent))
            return
        found = find_outputs(self._catalog, self._folder, job, outputs, run_dir)
        with self._catalog.read() as con:
            remark = look_after(con, self._folder, job, run_dir, found)
        self._catalog.write(lambda tx: _register(tx, job, found, remark))
        crash_point("register_committed")

    def failed(self, job_id: int, error: Exception) -> None:
        """Fail a job whose outputs cannot be registered."""
        with self._catalog.read() as con:
            job = job_by_id(con, job_id)
        why = f"its outputs could not be registered: {error}"
        if job["state"] == State.FINISHING:
            self._catalog.write(
                lambda tx: end_job(tx, job, State.FAILED, why, failure="registering")
            )


def job_by_id(con: sqlite3.Connection, job_id: int) -> sqlite3.Row:
    """Give a row of ``job``."""
    row: sqlite3.Row | None = con.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFound("the job does not exist any more")
    return row


def attempt_folder(con: sqlite3.Connection, job: sqlite3.Row) -> Path:
    """Give the run folder of the present attempt of a job."""
    row = con.execute(
        "SELECT run_dir FROM attempt WHERE job_id = ? AND n = ?", (job["id"], job["attempt"])
    ).fetchone()
    return Path(row["run_dir"])


def _fail_missing(tx: Tx, job: sqlite3.Row, absent: list[str]) -> None:
    if job_by_id(tx.con, job["id"])["state"] == State.FINISHING:
        why = f"ended well but did not make {', '.join(absent)}"
        end_job(tx, job, State.FAILED, why, failure="missing_output")


def _register(tx: Tx, job: sqlite3.Row, found: Found, remark: Remark) -> None:
    now = job_by_id(tx.con, job["id"])
    if now["state"] != State.FINISHING or now["attempt"] != job["attempt"]:
        return
    write_outputs(tx, job, found)
    write_record(tx, job, remark)
    tx.con.execute(
        "UPDATE attempt SET state = 'done' WHERE job_id = ? AND n = ?", (job["id"], job["attempt"])
    )
    revoke_job_tokens(tx, job["key"])
    transition(tx, job["id"], State.DONE, failure=None)
