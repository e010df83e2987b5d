"""Makes rows of a batch: one chain of jobs for each study, subject or project."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from appliance.catalog import Project, Tx, find_study
from appliance.core import Invalid, NotFound, new_key, now_ms
from appliance.jobs.dryrun import Chain, Step
from appliance.jobs.plan import Plan, Targets, spec_sha256, tool_sha256
from appliance.jobs.routing import Routes
from appliance.jobs.states import State
from appliance.jobs.structs import BatchSpec, Level, Submitted, Tool, Unresolved
from appliance.jobs.studies import analysis_of, ensure_analysis

__all__ = ["Order", "Work", "Writing", "chains_for", "insert_batch"]

Work = Sequence[tuple[Chain, Sequence[Step]]]
_IMMEDIATE = 1_000_000
_JOB_COLUMNS = (
    "key, batch_id, project_id, project, chain_key, seq, subject_id, study_id, psid, targets, name,"
    " function, spec, spec_sha256, on_error, notify, keep_logs, queue, state, priority, cpus,"
    " memory_mb, gpus, why, created_at, queued_at, updated_at, ended_at, adapter"
)
_INSERT_JOB = (
    f"INSERT INTO job ({_JOB_COLUMNS}) VALUES ({', '.join('?' * (_JOB_COLUMNS.count(',') + 1))})"
)
_EVENT = (
    "INSERT INTO job_event (job_id, at, from_state, to_state, actor, why)"
    " VALUES (?, ?, 'draft', ?, 'submit', ?)"
)


@dataclass(frozen=True)
class Order:
    """A batch that someone asked for, with its jobs planned."""

    project: Project
    spec: BatchSpec
    plans: Sequence[Plan]
    actor: str
    tools: Sequence[Tool] = ()
    routes: Routes = field(default_factory=Routes)
    stored: dict[int, tuple[str, str]] = field(default_factory=dict)


@dataclass
class _Count:
    """What became of the jobs of a batch."""

    n_jobs: int = 0
    unresolved: list[Unresolved] = field(default_factory=list)
    skipped: list[Unresolved] = field(default_factory=list)


def chains_for(
    con: sqlite3.Connection, project: Project, level: Level, psids: Sequence[str]
) -> list[Chain]:
    """Group targets by the level of a batch.

    Parameters
    ----------
    psids : sequence of str
        ``PID#SID``; at the levels subject and project also ``PID`` for all studies of a subject.

    Raises
    ------
    NotFound
        If one does not exist.
    """
    if not psids:
        raise Invalid("no studies are chosen", hint="Check some in the table first.")
    found: dict[int, list[int]] = {}
    for psid in dict.fromkeys(psids):
        for subject_id, study_id in _studies(con, project, psid):
            studies = found.setdefault(subject_id, [])
            if study_id not in studies:
                studies.append(study_id)
    if level == "project":
        ids = tuple(i for studies in found.values() for i in studies)
        return [Chain("", Targets("project", None, ids))]
    if level == "subject":
        return [
            Chain(_pid(con, subject), Targets("subject", subject, tuple(ids)))
            for subject, ids in found.items()
        ]
    return [
        Chain(_psid(con, study), Targets("study", subject, (study,)))
        for subject, ids in found.items()
        for study in ids
    ]


def insert_batch(tx: Tx, order: Order, work: Work) -> Submitted:
    """Write a batch with all its jobs; all or none are durable."""
    writing = Writing(order)
    writing.begin(tx)
    writing.add(tx, work)
    return writing.end(tx)


class Writing:
    """A batch that is written down, at once or piece by piece; what `begin` makes `end` shows.

    Parameters
    ----------
    order : Order
        What is asked for.
    """

    def __init__(self, order: Order) -> None:
        self.order, self.key, self.batch_id = order, new_key(), 0
        self._count, self._number = _Count(), 0
        self._tails: dict[object, int] = {}

    @property
    def n_jobs(self) -> int:
        """How many jobs are written."""
        return self._count.n_jobs

    def begin(self, tx: Tx) -> None:
        """Write the batch itself, which nobody sees yet."""
        self.batch_id = _insert_row(tx, self.order, self.key)
        _keep_descriptors(tx, self.order.tools)
        for sid in sorted(_results(self.order)):
            ensure_analysis(tx, self.order.project.id, sid)

    def add(self, tx: Tx, work: Work) -> None:
        """Write the jobs of some chains."""
        for chain, steps in work:
            group = _group_of(self.order.spec, chain, self._number)
            self._number += 1
            first = _last_job(tx)
            tail = _insert_chain(
                tx,
                self.batch_id,
                self.order,
                (chain, steps),
                after=self._tails.get(group),
                count=self._count,
            )
            if group is not None and tail is not None:
                self._tails[group] = tail
                _note_group(tx, first, f"{self.key}/{group}")

    def end(self, tx: Tx) -> Submitted:
        """Accept the batch: from now on all of it is there."""
        tx.con.execute("UPDATE batch SET submitting = 0 WHERE id = ?", (self.batch_id,))
        tx.event("batch.changed", key=self.key, project=self.order.project.name)
        count = self._count
        return Submitted(self.key, count.n_jobs, tuple(count.unresolved), tuple(count.skipped))


def _results(order: Order) -> set[str]:
    """List the studies of results that outputs go to."""
    refs = [arg.studyref for plan in order.plans for arg in plan.args if arg.kind != "FILE"]
    refs += [plan.results for plan in order.plans if plan.job.output_folder]
    return {sid for ref in refs if (sid := analysis_of(ref)) is not None}


def _last_job(tx: Tx) -> int:
    return int(tx.con.execute("SELECT ifnull(max(id), 0) FROM job").fetchone()[0])


def _note_group(tx: Tx, after: int, name: str) -> None:
    """Say of the jobs just written that they follow each other, in one job where a cluster runs."""
    tx.con.execute("UPDATE job SET grouped = ? WHERE id > ?", (name, after))


def _group_of(spec: BatchSpec, chain: Chain, number: int) -> object:
    """Name the row of chains that follow each other; None: it stands alone."""
    if spec.group == "subject":
        return chain.targets.subject_id
    return number % spec.n_groups if spec.group == "batch" else None


def _insert_row(tx: Tx, order: Order, key: str) -> int:
    spec, text = order.spec, msgspec.json.encode(order.spec)
    sha = hashlib.sha256(text).hexdigest()
    cursor = tx.con.execute(
        "INSERT INTO batch (key, project_id, name, level, queue, spec, spec_sha256, actor,"
        " created_at, submitting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        (
            *(key, order.project.id, spec.name, spec.level, spec.queue),
            *(text.decode(), sha, order.actor, now_ms()),
        ),
    )
    return int(cursor.lastrowid or 0)


def _keep_descriptors(tx: Tx, tools: Sequence[Tool]) -> None:
    """Keep what a tool was when it was used; a job names it by its fingerprint."""
    tx.con.executemany(
        "INSERT OR IGNORE INTO descriptor (id, version, sha256, json, source)"
        " VALUES (?, ?, ?, ?, 'appliance')",
        [
            (tool.id, tool.version, tool_sha256(tool), msgspec.json.encode(tool).decode())
            for tool in tools
        ],
    )


def _insert_chain(
    tx: Tx,
    batch_id: int,
    order: Order,
    work: tuple[Chain, Sequence[Step]],
    *,
    after: int | None,
    count: _Count,
) -> int | None:
    """Write the jobs of one chain; give the last one that waits."""
    chain, steps = work
    serial = order.spec.mode == "serial"
    before: tuple[int, str] | None = None
    blocked = False
    for step in steps:
        if step.action in ("skip", "leave_out"):
            count.skipped.append(Unresolved(chain.psid, step.plan.job.name, step.reason))
            continue
        waits = serial and before is not None
        problem = None if waits else step.problem  # what comes later is looked up when it starts
        state, why = _first_state(problem, blocked=blocked)
        job_id = _insert_job(tx, batch_id, order, chain, step.plan, state=state, why=why)
        count.n_jobs += 1
        if problem:
            count.unresolved.append(Unresolved(chain.psid, step.plan.job.name, problem))
        if waits and before is not None:
            _depend(tx, job_id, *before)
        elif after is not None:
            _depend(tx, job_id, after, "any")
        breaks = step.plan.on_error == "break"
        blocked = serial and breaks and state is not State.QUEUED
        before = job_id, "ok" if breaks else "any"
        if order.spec.group != "none" and state is State.QUEUED:
            after = job_id
    return after


def _first_state(problem: str | None, *, blocked: bool) -> tuple[State, str]:
    if problem:
        return State.UNRESOLVED, problem
    if blocked:
        return State.SKIPPED, "an earlier job of the chain cannot start"
    return State.QUEUED, ""


def _depend(tx: Tx, job_id: int, needs: int, kind: str) -> None:
    tx.con.execute("INSERT INTO job_dep VALUES (?, ?, ?)", (job_id, needs, kind))


def _insert_job(
    tx: Tx,
    batch_id: int,
    order: Order,
    chain: Chain,
    plan: Plan,
    *,
    state: State,
    why: str,
) -> int:
    now, targets, spec, job = now_ms(), chain.targets, order.spec, plan.job
    chain_key = chain.psid or "project"
    study_id = targets.study_ids[0] if targets.level == "study" else None
    ended_at = None if state is State.QUEUED else now
    need, priority = plan.resources, spec.priority + (_IMMEDIATE if spec.immediate else 0)
    job_id = tx.con.execute(
        _INSERT_JOB,
        (
            *(new_key(), batch_id, order.project.id, order.project.name, chain_key, plan.position),
            *(targets.subject_id, study_id, chain.psid),
            *(msgspec.json.encode(targets).decode(), job.name, plan.function),
            *(*_stored(order, plan), plan.on_error),
            *(job.notify, job.keep_logs, job.queue, state.value, priority),
            *(need.cpus, need.memory_mb, need.gpus, why, now, now, now, ended_at),
            order.routes.adapter_of(job, job.queue),
        ),
    ).lastrowid
    tx.con.execute(_EVENT, (job_id, now, state.value, why))
    return int(job_id or 0)


def _stored(order: Order, plan: Plan) -> tuple[str, str]:
    """Give a plan as it is stored, and its fingerprint; made once where all chains share it."""
    if not any(plan is one for one in order.plans):
        return msgspec.json.encode(plan).decode(), spec_sha256(plan)
    found = order.stored.get(plan.position)
    if found is None:
        found = order.stored[plan.position] = (
            msgspec.json.encode(plan).decode(),
            spec_sha256(plan),
        )
    return found


def _studies(con: sqlite3.Connection, project: Project, psid: str) -> list[tuple[int, int]]:
    if "#" in psid:
        study_id = find_study(con, project.id, psid)
        where, value = "s.id = ?", study_id
    else:
        subject = con.execute(
            "SELECT id FROM subjects WHERE project_id = ? AND pid = ?", (project.id, psid)
        ).fetchone()
        if subject is None:
            raise NotFound(f"no subject {psid!r} in this project")
        where, value = "s.subject_id = ?", subject["id"]
    rows = con.execute(
        f"SELECT s.subject_id, s.id FROM studies s WHERE {where} AND s.trashed_at IS NULL"
        " ORDER BY ifnull(s.date, ''), s.sid",
        (value,),
    ).fetchall()
    return [(row["subject_id"], row["id"]) for row in rows]


def _pid(con: sqlite3.Connection, subject_id: int) -> str:
    return str(con.execute("SELECT pid FROM subjects WHERE id = ?", (subject_id,)).fetchone()[0])


def _psid(con: sqlite3.Connection, study_id: int) -> str:
    row = con.execute(
        "SELECT u.pid, s.sid FROM studies s JOIN subjects u ON u.id = s.subject_id WHERE s.id = ?",
        (study_id,),
    ).fetchone()
    return f"{row['pid']}#{row['sid']}"
