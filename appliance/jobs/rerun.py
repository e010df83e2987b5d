"""Runs jobs again after their parameters or script were edited; earlier attempts stay as they were.

Jobs that wait because of them, or were skipped, follow; others go on meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from appliance.catalog import Catalog, Tx, get_project
from appliance.core import ApplianceError, Conflict, DataFolder, Invalid, NotFound, now_ms
from appliance.jobs.bulk import Outcome
from appliance.jobs.capacity import Capacity
from appliance.jobs.dryrun import Chain, dry_row, walk
from appliance.jobs.finish import attempt_folder, declared_outputs, job_by_id
from appliance.jobs.outputs import move_partial
from appliance.jobs.plan import Plan, Targets, plan_job, plan_of, spec_sha256
from appliance.jobs.routing import Routes
from appliance.jobs.states import ENDED, State, transition
from appliance.jobs.structs import Argument, BatchSpec, DryRow, OnError, Resources
from appliance.jobs.tools import ToolBox
from appliance.jobs.variables import variables_of

__all__ = ["Downstream", "Edit", "Reruns", "edited_plan", "spec_of_attempt"]

Downstream = Literal["needed", "all", "none"]
_AT_ONCE = 200
_DEPENDENTS = """
SELECT j.id FROM job n JOIN job_dep d ON d.needs_job_id = n.id JOIN job j ON j.id = d.job_id
WHERE n.id = ? AND j.chain_key = n.chain_key AND j.state IN (SELECT value FROM json_each(?))
"""
_EDITABLE = frozenset({*ENDED, State.HELD})
_FOLLOW: dict[str, tuple[State, ...]] = {
    "needed": (State.SKIPPED, State.UNRESOLVED),
    "all": tuple(sorted(ENDED)),
    "none": (),
}


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is changed before a job runs again; what is left out stays.

    `args` replaces arguments by their id: value, study reference, what to take, tags.
    """

    code: str | None = None
    args: tuple[Argument, ...] = ()
    resources: Resources | None = None
    env: dict[str, str] | None = None
    strict: bool | None = None
    precall: str | None = None
    environment: str | None = None
    ignore_missing: bool | None = None
    output_folder: str | None = None
    on_error: OnError | None = None
    priority: int | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """What differs in the job itself."""
        given = msgspec.structs.asdict(self)
        return {n: v for n, v in given.items() if v is not None and n not in ("args", "priority")}


class Reruns:
    """Runs jobs again.

    Parameters
    ----------
    catalog, folder, tools, capacity
        What jobs are made from, and what no job may exceed.
    wake : callable
        Called when jobs wait anew.
    routes : Routes, optional
        Where queues go.
    """

    def __init__(
        self,
        catalog: Catalog,
        folder: DataFolder,
        tools: ToolBox,
        *,
        capacity: Capacity,
        wake: Callable[[], None],
        routes: Routes | None = None,
    ) -> None:
        self._catalog, self._folder, self._tools = catalog, folder, tools
        self._capacity, self._wake = capacity, wake
        self._routes = routes or Routes()

    def rerun(
        self, ids: Sequence[int], edit: Edit, actor: str, *, downstream: Downstream = "needed"
    ) -> Outcome:
        """Queue ended jobs again, edited; tell by key why some refused.

        Parameters
        ----------
        downstream : {"needed", "all", "none"}
            Which jobs behind them run again, too: those that were skipped or found no input; all
            that have ended; none.
        """
        outcome, selected = Outcome(), frozenset(ids)
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            doing = _Doing(edit, actor, _FOLLOW[downstream], selected)
            self._some(some, doing, outcome)
        self._wake()
        return outcome

    def dry_run(self, ids: Sequence[int], edit: Edit, actor: str = "") -> list[DryRow]:
        """Tell what the jobs would get; nothing is changed."""
        with self._catalog.read() as con:
            return [self._dry(con, job, edit, actor) for job in _jobs(con, ids)]

    def _dry(self, con: sqlite3.Connection, job: sqlite3.Row, edit: Edit, actor: str) -> DryRow:
        try:
            plan = self._edited(con, job, edit, actor)
        except ApplianceError as error:
            return DryRow(job["psid"], job["name"], {}, error.message, job["seq"], "problem")
        chain = Chain(job["psid"], msgspec.json.decode(job["targets"], type=Targets))
        project = get_project(con, job["project"])
        spec = BatchSpec(name="", project=job["project"], jobs=())
        [(_, [step])] = walk(con, self._folder, project, spec, plans=[plan], chains=[chain])
        return dry_row(chain, step)

    def _some(self, ids: Sequence[int], doing: _Doing, outcome: Outcome) -> None:
        ready: list[tuple[sqlite3.Row, Plan]] = []
        with self._catalog.read() as con:
            for job in _jobs(con, ids):
                try:
                    ready.append((job, self._edited(con, job, doing.edit, doing.actor)))
                    _move_partial(con, job)
                except ApplianceError as error:
                    outcome.refuse(job["key"], error.message)

        def write(tx: Tx) -> list[tuple[str, str]]:
            return [said for job, plan in ready if (said := doing.again(tx, job, plan))]

        refusals = self._catalog.write(write)
        for key, reason in refusals:
            outcome.refuse(key, reason)
        outcome.n += len(ready) - len(refusals)

    def _edited(self, con: sqlite3.Connection, job: sqlite3.Row, edit: Edit, actor: str) -> Plan:
        _check(job)
        known = variables_of(con, job["project_id"], actor)
        plan = edited_plan(plan_of(job), edit, self._tools, known)
        self._routes.check(plan, job["queue"], self._capacity)
        return plan


def edited_plan(plan: Plan, edit: Edit, tools: ToolBox, variables: dict[str, str]) -> Plan:
    """Change a job; a tool stays as it was when the job was made.

    Raises
    ------
    Invalid
        If the change does not fit: a script for a tool, an argument it does not have.
    """
    job = plan.job
    if job.tool and edit.code is not None:
        raise Invalid(f"job {job.name!r} runs the tool {job.tool!r}; it has no script")
    given = {arg.id: arg for arg in edit.args}
    if job.tool and (unknown := sorted(given.keys() - {arg.id for arg in job.args})):
        raise Invalid(f"tool {job.tool!r} has no argument {', '.join(unknown)}")
    args = [_merged(arg, given.pop(arg.id, None)) for arg in job.args]
    changed = msgspec.structs.replace(job, **edit.changes, args=(*args, *given.values()))
    if job.tool:
        resources = edit.resources or plan.resources
        made = msgspec.structs.replace(plan, job=changed, resources=resources)
    else:
        changed = msgspec.structs.replace(changed, resources=edit.resources or plan.resources)
        made = plan_job(changed, tools, position=plan.position, results=plan.results)
    placed = tuple(_placed(arg, variables) for arg in made.job.args)
    return msgspec.structs.replace(made, job=msgspec.structs.replace(made.job, args=placed))


def spec_of_attempt(con: sqlite3.Connection, job_id: int, n: int) -> Plan:
    """Give the job as it was for one of its attempts."""
    row = con.execute(
        "SELECT spec FROM job_revision WHERE job_id = ? AND n >= ? ORDER BY n LIMIT 1", (job_id, n)
    ).fetchone()
    row = row or con.execute("SELECT spec FROM job WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFound("the job does not exist any more")
    return plan_of(row)


@dataclass(frozen=True)
class _Doing:
    """What one person does to a selection; jobs of it are not brought along by others."""

    edit: Edit
    actor: str
    follow: Iterable[State]
    selected: frozenset[int]

    def again(self, tx: Tx, job: sqlite3.Row, plan: Plan) -> tuple[str, str] | None:
        """Queue a job; when it refuses give its key and why."""
        try:
            now = job_by_id(tx.con, job["id"])
            _check(now)
            self._edit_row(tx, now, plan)
            self._rearm(tx, job["id"])
        except (Conflict, NotFound) as error:
            return job["key"], error.message
        return None

    def _edit_row(self, tx: Tx, job: sqlite3.Row, plan: Plan) -> None:
        text = msgspec.json.encode(plan).decode()
        if text != job["spec"]:
            tx.con.execute(
                "INSERT OR IGNORE INTO job_revision VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(job["id"], job["attempt"], now_ms(), self.actor),
                    *(job["spec"], job["spec_sha256"]),
                ),
            )
        need = plan.resources
        priority = job["priority"] if self.edit.priority is None else self.edit.priority
        tx.con.execute(
            "UPDATE job SET spec = ?, spec_sha256 = ?, on_error = ?, priority = ?, cpus = ?,"
            " memory_mb = ?, gpus = ? WHERE id = ?",
            (
                *(text, spec_sha256(plan), plan.on_error, priority),
                *(need.cpus, need.memory_mb, need.gpus, job["id"]),
            ),
        )

    def _rearm(self, tx: Tx, job_id: int) -> None:
        fresh: dict[str, Any] = {"failure": None, "cancel_by": None, "retries": 0}
        transition(tx, job_id, State.QUEUED, actor=self.actor, queued_at=now_ms(), **fresh)
        states = json.dumps([str(state) for state in self.follow])
        for row in tx.con.execute(_DEPENDENTS, (job_id, states)).fetchall():
            if row["id"] not in self.selected:
                self._rearm(tx, row["id"])


def _merged(arg: Argument, given: Argument | None) -> Argument:
    if given is None:
        return arg
    return msgspec.structs.replace(
        arg,
        value=given.value,
        studyref=given.studyref,
        take=given.take,
        optional=given.optional or arg.optional,
        tags=given.tags or arg.tags,
    )


def _placed(arg: Argument, variables: dict[str, str]) -> Argument:
    ref = variables.get(arg.studyref, arg.studyref)
    return arg if ref == arg.studyref else msgspec.structs.replace(arg, studyref=ref)


def _check(job: sqlite3.Row) -> None:
    if State(job["state"]) not in _EDITABLE:
        raise Conflict(
            f"a job that is {job['state']} cannot be edited",
            hint="Hold it while it waits, or stop it.",
        )


def _jobs(con: sqlite3.Connection, ids: Sequence[int]) -> list[sqlite3.Row]:
    return con.execute(
        "SELECT job.* FROM json_each(?) w CROSS JOIN job ON job.id = w.value",
        (json.dumps(list(ids)),),
    ).fetchall()


def _move_partial(con: sqlite3.Connection, job: sqlite3.Row) -> None:
    if job["attempt"] and job["state"] not in (State.DONE, State.HELD):
        outputs = declared_outputs(con, job["id"], job["attempt"])
        move_partial(attempt_folder(con, job), outputs)
