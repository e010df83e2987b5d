"""The same done to many jobs at once: a hundred thousand rows in a few statements.

Jobs that live are left to the controls, one by one; there are never more than slots for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from appliance.catalog import Catalog, Tx
from appliance.core import ApplianceError, Invalid, now_ms
from appliance.jobs.control import Controls
from appliance.jobs.finish import attempt_folder, declared_outputs
from appliance.jobs.outputs import move_partial
from appliance.jobs.states import ENDED, LIVE, State, letter_of

__all__ = ["ACTIONS", "Bulk", "Outcome"]

_AT_ONCE = 2000
_TOLD_ONE_BY_ONE = 200
_MOST_REASONS = 200
_WAITING = (State.QUEUED, State.HELD, State.DRAFT)
_FAILED = (State.FAILED, State.LOST, State.CANCELLED, State.SKIPPED, State.UNRESOLVED, State.DONE)


@dataclass(frozen=True)
class _Move:
    """What an action means for jobs that do not live."""

    before: tuple[State, ...]
    to: State | None
    why: str = ""
    dismissed: int | None = None


ACTIONS: dict[str, _Move] = {
    "cancel": _Move((*_WAITING, State.UNRESOLVED), State.CANCELLED, "cancelled by {actor}"),
    "hold": _Move((State.QUEUED,), State.HELD, "held by {actor}"),
    "release": _Move((State.HELD,), State.QUEUED),
    "suspend": _Move((State.QUEUED,), State.HELD, "held by {actor}"),
    "resume": _Move((State.HELD,), State.QUEUED),
    "retry": _Move(_FAILED, State.QUEUED),
    "dismiss": _Move(tuple(sorted(ENDED)), None, dismissed=1),
    "restore": _Move(tuple(sorted(ENDED)), None, dismissed=0),
}
"""What can be done to a selection."""
_OF_LIVE = {
    "cancel": (State.STARTING, State.RUNNING, State.SUSPENDED),
    "hold": (State.STARTING,),
    "suspend": (State.STARTING, State.RUNNING),
    "resume": (State.SUSPENDED,),
}
_FRESH = (
    ", failure = NULL, cancel_by = NULL, retries = 0, queued_at = :now, started_at = NULL,"
    " ended_at = NULL, dismissed = 0"
)
_FOLLOWING: dict[str, tuple[tuple[State, ...], State, str, str]] = {
    "cancel": (_WAITING, State.SKIPPED, "a job before it was not done", " AND d.kind = 'ok'"),
    "retry": ((State.SKIPPED, State.UNRESOLVED), State.QUEUED, "", ""),
}
_DEPENDENTS = (
    "SELECT DISTINCT d.job_id FROM json_each(?) w CROSS JOIN job n ON n.id = w.value"
    " CROSS JOIN job_dep d ON d.needs_job_id = n.id CROSS JOIN job j ON j.id = d.job_id"
    " WHERE j.chain_key = n.chain_key AND j.state IN (SELECT value FROM json_each(?))"
)


@dataclass
class Outcome:
    """How many jobs took an action, and why others did not; not all reasons are kept.

    `unknown` are keys of no job.
    """

    n: int = 0
    n_refused: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def refuse(self, key: str, reason: str) -> None:
        """Count one that did not take it."""
        self.n_refused += 1
        if len(self.refused) < _MOST_REASONS:
            self.refused[key] = reason


class Bulk:
    """Actions on selections of jobs.

    Parameters
    ----------
    catalog : Catalog
        Where jobs are.
    controls : Controls
        For jobs that live.
    wake : callable
        Called after changes that may let jobs start.
    """

    def __init__(self, catalog: Catalog, controls: Controls, wake: Callable[[], None]) -> None:
        self._catalog, self._controls, self._wake = catalog, controls, wake

    def act(self, ids: Sequence[int], action: str, actor: str) -> Outcome:
        """Do one of `ACTIONS` to jobs; other jobs of their chains follow as for a single one.

        Raises
        ------
        Invalid
            If there is no such action.
        """
        if action not in ACTIONS:
            raise Invalid(f"nothing can be done to jobs called {action!r}")
        outcome, few = Outcome(), len(ids) <= _TOLD_ONE_BY_ONE
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            if action == "retry":
                self._clear_partial(some)
            doing = _Doing(action, actor, tell_each=few)
            moved = self._catalog.write(lambda tx, s=some, d=doing: d.move(tx, s))  # type: ignore[misc]
            outcome.n += len(moved)
            self._others(sorted(set(some) - moved), action, actor, outcome)
        self._wake()
        return outcome

    def _others(self, ids: Sequence[int], action: str, actor: str, outcome: Outcome) -> None:
        """Let the controls deal with live jobs, and say why the rest refused."""
        with self._catalog.read() as con:
            rows = con.execute(
                "SELECT job.key, job.state FROM json_each(?) w CROSS JOIN job ON job.id = w.value",
                (json.dumps(list(ids)),),
            ).fetchall()
        for row in rows:
            if State(row["state"]) not in _OF_LIVE.get(action, ()):
                outcome.refuse(row["key"], _refusal(row["state"], action))
                continue
            try:
                self._controls.act(row["key"], action, actor)
            except ApplianceError as error:
                outcome.refuse(row["key"], error.message)
            else:
                outcome.n += 1

    def _clear_partial(self, ids: Sequence[int]) -> None:
        """Move what failed attempts made out of the way of the next ones."""
        with self._catalog.read() as con:
            rows = con.execute(
                "SELECT job.* FROM json_each(?) w CROSS JOIN job ON job.id = w.value"
                " WHERE job.attempt > 0 AND job.state IN ('failed', 'lost', 'cancelled')",
                (json.dumps(list(ids)),),
            ).fetchall()
            work = [
                (attempt_folder(con, row), declared_outputs(con, row["id"], row["attempt"]))
                for row in rows
            ]
        for folder, outputs in work:
            move_partial(folder, outputs)


class _Doing:
    """One action of one person, inside one write."""

    def __init__(self, action: str, actor: str, *, tell_each: bool) -> None:
        self._action, self._actor, self._each = action, actor, tell_each
        self._now = now_ms()

    def move(self, tx: Tx, ids: Sequence[int]) -> set[int]:
        """Move those that can be moved, and then what depends on them; give the former."""
        how = ACTIONS[self._action]
        moved = self._ready(tx, ids, how.before)
        if how.to is None:
            moved = self._show(tx, moved, int(how.dismissed or 0))
        else:
            self._change(tx, moved, how.to, how.why.format(actor=self._actor))
            self._follow(tx, moved)
        self._tell(tx, moved)
        return set(moved)

    def _follow(self, tx: Tx, moved: Sequence[int]) -> None:
        if self._action not in _FOLLOWING:
            return
        states, to, why, only = _FOLLOWING[self._action]
        while moved:
            marks = json.dumps(list(moved)), json.dumps([str(state) for state in states])
            rows = tx.con.execute(_DEPENDENTS + only, marks).fetchall()
            moved = [row[0] for row in rows]
            self._change(tx, moved, to, why)
            self._tell(tx, moved)

    def _ready(self, tx: Tx, ids: Sequence[int], states: Iterable[State]) -> list[int]:
        rows = tx.con.execute(
            "SELECT job.id FROM json_each(?) w CROSS JOIN job ON job.id = w.value"
            " WHERE job.state IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)), json.dumps([str(state) for state in states])),
        )
        return [row[0] for row in rows]

    def _change(self, tx: Tx, ids: Sequence[int], to: State, why: str) -> None:
        facts = {"ids": json.dumps(list(ids)), "to": to.value, "why": why, "now": self._now}
        tx.con.execute(
            "INSERT INTO job_event (job_id, at, from_state, to_state, actor, why)"
            " SELECT job.id, :now, job.state, :to, :actor, :why FROM json_each(:ids) w"
            " CROSS JOIN job ON job.id = w.value",
            facts | {"actor": self._actor},
        )
        more = _FRESH if to is State.QUEUED and self._action == "retry" else ""
        more += ", ended_at = :now" if to in ENDED else ""
        more += ", failure = 'cancelled'" if to is State.CANCELLED else ""
        tx.con.execute(
            f"UPDATE job SET state = :to, why = :why, updated_at = :now{more}"
            " WHERE id IN (SELECT value FROM json_each(:ids))",
            facts,
        )

    def _show(self, tx: Tx, ids: Sequence[int], dismissed: int) -> list[int]:
        rows = tx.con.execute(
            "UPDATE job SET dismissed = ? WHERE id IN (SELECT value FROM json_each(?))"
            " AND dismissed <> ? RETURNING id, key",
            (dismissed, json.dumps(list(ids)), dismissed),
        ).fetchall()
        if rows:
            verb = "dismiss_job" if dismissed else "restore_job"
            target = {"jobs": [row["key"] for row in rows[:_MOST_REASONS]], "n": len(rows)}
            tx.operation(verb, actor=self._actor, target=target)
        return [row["id"] for row in rows]

    def _tell(self, tx: Tx, ids: Sequence[int]) -> None:
        """Tell of each of a few jobs; of many once for each project that all of it has changed."""
        if not ids:
            return
        rows = tx.con.execute(
            "SELECT job.key, job.state, job.psid, job.project, job.study_id, job.dismissed,"
            " batch.key AS batch_key FROM json_each(?) w CROSS JOIN job ON job.id = w.value"
            " JOIN batch ON batch.id = job.batch_id",
            (json.dumps(list(ids)),),
        ).fetchall()
        if not self._each:
            for project in sorted({row["project"] for row in rows}):
                tx.event("jobs.changed", project=project, n=len(rows))
            return
        for row in rows:
            facts = {key: row[key] for key in ("key", "state", "psid", "batch_key", "project")}
            letter = "" if row["dismissed"] else letter_of(row["state"])
            tx.event("job.changed", **facts, letter=letter, study_id=row["study_id"])


def _refusal(state: str, action: str) -> str:
    if action == "retry" and State(state) in LIVE:
        return f"it is {state}: stop it first"
    past = {"cancel": "stopped", "retry": "run again", "dismiss": "dismissed"}
    past |= {"hold": "held", "release": "released", "suspend": "suspended"}
    past |= {"resume": "resumed", "restore": "brought back"}
    return f"a job that is {state} cannot be {past[action]}"
