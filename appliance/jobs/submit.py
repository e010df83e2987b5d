"""Makes rows of a batch: one chain of jobs for each study, subject or project."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from appliance.catalog import Project, Tx, find_study
from appliance.core import DataFolder, Invalid, NotFound, new_key, now_ms
from appliance.jobs.plan import Plan, Targets, tool_sha256
from appliance.jobs.resolve import OutputPath, resolve
from appliance.jobs.states import State
from appliance.jobs.structs import BatchSpec, DryRow, Level, Submitted, Tool, Unresolved

__all__ = ["Chain", "Order", "chains_for", "dry_rows", "insert_batch"]

_JOB_COLUMNS = (
    "key, batch_id, project_id, project, chain_key, seq, subject_id, study_id, psid, targets, name,"
    " spec, queue, state, priority, cpus, memory_mb, gpus, why, created_at, queued_at, updated_at,"
    " ended_at"
)
_INSERT_JOB = (
    f"INSERT INTO job ({_JOB_COLUMNS}) VALUES ({', '.join('?' * (_JOB_COLUMNS.count(',') + 1))})"
)


@dataclass(frozen=True)
class Chain:
    """One run of a batch's jobs, in order."""

    psid: str
    targets: Targets


@dataclass(frozen=True)
class Order:
    """A batch that someone asked for, with its jobs planned."""

    project: Project
    spec: BatchSpec
    plans: Sequence[Plan]
    actor: str
    tools: Sequence[Tool] = ()


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


def dry_rows(
    con: sqlite3.Connection,
    folder: DataFolder,
    project: Project,
    plans: Sequence[Plan],
    chains: Iterable[Chain],
    *,
    serial: bool,
) -> list[DryRow]:
    """Tell what each job would get, outputs of earlier jobs of the chain included."""
    rows: list[DryRow] = []
    for chain in chains:
        promised: list[OutputPath] = []
        for plan in plans:
            found = resolve(con, folder, project, plan, chain.targets, promised=promised)
            problem = "; ".join(found.problems) or None
            rows.append(DryRow(chain.psid, plan.job.name, found.values, problem))
            promised += found.outputs if serial else []
    return rows


def insert_batch(
    tx: Tx, order: Order, chains: Sequence[tuple[Chain, Sequence[str | None]]]
) -> Submitted:
    """Write a batch with all its jobs; all or none are durable.

    Parameters
    ----------
    chains : sequence of (Chain, sequence of str or None)
        With what is in the way of each job, where that is known already.
    """
    key, plans = new_key(), order.plans
    batch_id = _insert_row(tx, order, key)
    _keep_descriptors(tx, order.tools)
    unresolved: list[Unresolved] = []
    for chain, problems in chains:
        _insert_chain(tx, batch_id, order, chain, problems)
        unresolved += [
            Unresolved(chain.psid, plan.job.name, problem)
            for plan, problem in zip(plans, problems, strict=True)
            if problem
        ]
    tx.event("batch.changed", key=key, project=order.project.name)
    return Submitted(key, len(plans) * len(chains), tuple(unresolved))


def _insert_row(tx: Tx, order: Order, key: str) -> int:
    spec, text = order.spec, msgspec.json.encode(order.spec)
    sha = hashlib.sha256(text).hexdigest()
    cursor = tx.con.execute(
        "INSERT INTO batch (key, project_id, name, level, queue, spec, spec_sha256, actor,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    tx: Tx, batch_id: int, order: Order, chain: Chain, problems: Sequence[str | None]
) -> None:
    before: int | None = None
    blocked = False
    spec = order.spec
    for seq, problem in enumerate(problems):
        state, why = State.QUEUED, ""
        if problem:
            state, why = State.UNRESOLVED, problem
        elif blocked:
            state, why = State.SKIPPED, "an earlier job of the chain cannot start"
        job_id = _insert_job(tx, batch_id, order, chain, seq=seq, state=state, why=why)
        if spec.mode == "serial":
            if before is not None:
                kind = "ok" if spec.on_error == "stop" else "any"
                tx.con.execute("INSERT INTO job_dep VALUES (?, ?, ?)", (job_id, before, kind))
            blocked = spec.on_error == "stop" and state is not State.QUEUED
        before = job_id


def _insert_job(
    tx: Tx,
    batch_id: int,
    order: Order,
    chain: Chain,
    *,
    seq: int,
    state: State,
    why: str,
) -> int:
    now, targets, spec, plan = now_ms(), chain.targets, order.spec, order.plans[seq]
    chain_key = chain.psid or "project"
    study_id = targets.study_ids[0] if targets.level == "study" else None
    ended_at = None if state is State.QUEUED else now
    need = plan.resources
    job_id = tx.con.execute(
        _INSERT_JOB,
        (
            *(new_key(), batch_id, order.project.id, order.project.name, chain_key, seq),
            *(targets.subject_id, study_id, chain.psid),
            *(msgspec.json.encode(targets).decode(), plan.job.name),
            *(msgspec.json.encode(plan).decode(), spec.queue, state.value, spec.priority),
            *(need.cpus, need.memory_mb, need.gpus, why, now, now, now, ended_at),
        ),
    ).lastrowid
    tx.con.execute(
        "INSERT INTO job_event (job_id, at, from_state, to_state, actor, why)"
        " VALUES (?, ?, 'draft', ?, 'submit', ?)",
        (job_id, now, state.value, why),
    )
    return int(job_id or 0)


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
