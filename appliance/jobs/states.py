"""The states of a job, what may follow what, and the one function that moves a job on."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from appliance.core import Conflict, NotFound, now_ms

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["ENDED", "LETTERS", "LIVE", "NEXT", "State", "letter_of", "states_of", "transition"]


class State(StrEnum):
    """Where a job is."""

    DRAFT = "draft"
    UNRESOLVED = "unresolved"
    QUEUED = "queued"
    HELD = "held"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"


S = State
NEXT: Mapping[State, frozenset[State]] = {
    S.DRAFT: frozenset({S.UNRESOLVED, S.QUEUED, S.CANCELLED}),
    S.UNRESOLVED: frozenset({S.QUEUED, S.CANCELLED}),
    S.QUEUED: frozenset({S.STARTING, S.HELD, S.SKIPPED, S.CANCELLED, S.UNRESOLVED}),
    S.HELD: frozenset({S.QUEUED, S.SKIPPED, S.CANCELLED}),
    S.STARTING: frozenset({S.RUNNING, S.QUEUED, S.FINISHING, S.FAILED, S.CANCELLED, S.LOST}),
    S.RUNNING: frozenset({S.QUEUED, S.SUSPENDED, S.FINISHING, S.FAILED, S.CANCELLED, S.LOST}),
    S.SUSPENDED: frozenset({S.QUEUED, S.RUNNING, S.FINISHING, S.FAILED, S.CANCELLED, S.LOST}),
    S.FINISHING: frozenset({S.DONE, S.FAILED}),
    S.DONE: frozenset({S.QUEUED}),
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
    S.LOST: frozenset({S.QUEUED}),
    S.SKIPPED: frozenset({S.QUEUED}),
}
LIVE = frozenset({S.STARTING, S.RUNNING, S.SUSPENDED})
ENDED = frozenset({S.DONE, S.FAILED, S.CANCELLED, S.LOST, S.SKIPPED, S.UNRESOLVED})

LETTERS: Mapping[str, frozenset[State]] = {
    "q": frozenset({S.DRAFT, S.QUEUED, S.HELD, S.STARTING}),
    "r": frozenset({S.RUNNING, S.SUSPENDED, S.FINISHING}),
    "e": frozenset({S.FAILED, S.LOST}),
    "d": frozenset({S.DONE}),
    "k": frozenset({S.CANCELLED, S.SKIPPED, S.UNRESOLVED}),
}
_LETTER_OF = {state: letter for letter, states in LETTERS.items() for state in states}


def letter_of(state: str) -> str:
    """Give the one letter of a state: q waits, r runs, e error, d done, k stopped by someone."""
    return _LETTER_OF[State(state)]


def states_of(letters: str) -> list[str]:
    """List the states behind letters such as ``"qr"``; unknown letters stand for nothing."""
    return sorted(state for letter in letters for state in LETTERS.get(letter, ()))


def transition(
    tx: Tx, job_id: int, to: State, why: str = "", *, actor: str = "scheduler", **changes: Any
) -> State:
    """Move a job to another state, if the table above allows it from where it is now.

    Parameters
    ----------
    tx : Tx
        The write it belongs to.
    job_id : int
        Row of the job.
    to : State
        Where to.
    why : str
        Reason for people, kept with the job and in its history.
    actor : str
        Login, or ``scheduler``.
    **changes
        Further columns of the job set together with the state.

    Returns
    -------
    State
        The state before.

    Raises
    ------
    Conflict
        If the present state does not allow it; nothing is changed.
    """
    job = _job(tx.con, job_id)
    before, at = State(job["state"]), now_ms()
    if to not in NEXT[before]:
        raise Conflict(f"a job that is {before} cannot become {to}", job=job["key"], state=before)
    columns = {"state": to.value, "why": why, "updated_at": at} | _stamps(to, at) | changes
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    done = tx.con.execute(
        f"UPDATE job SET {sets} WHERE id = :_id AND state = :_before",
        columns | {"_id": job_id, "_before": before.value},
    )
    if done.rowcount != 1:
        raise Conflict(f"the job is no longer {before}", job=job["key"])
    _tell(tx, job, before, to, why=why, actor=actor, at=at)
    return before


def _job(con: sqlite3.Connection, job_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = con.execute(
        "SELECT job.*, batch.key AS batch_key FROM job JOIN batch ON batch.id = job.batch_id"
        " WHERE job.id = ?",
        (job_id,),
    ).fetchone()
    if row is None:
        raise NotFound("the job does not exist any more")
    return row


def _stamps(to: State, at: int) -> dict[str, int | None]:
    if to is State.QUEUED:
        return {"started_at": None, "ended_at": None, "dismissed": 0}
    if to is State.STARTING:
        return {"started_at": at}
    return {"ended_at": at} if to in ENDED else {}


def _tell(
    tx: Tx, job: sqlite3.Row, before: State, to: State, *, why: str, actor: str, at: int
) -> None:
    tx.con.execute(
        "INSERT INTO job_event (job_id, at, from_state, to_state, actor, why)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (job["id"], at, before.value, to.value, actor, why),
    )
    tx.event(
        "job.changed",
        key=job["key"],
        state=to.value,
        letter=letter_of(to),
        psid=job["psid"],
        batch_key=job["batch_key"],
        project=job["project"],
        study_id=job["study_id"],
    )
