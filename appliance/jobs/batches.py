"""Submitting batches: plan the jobs, refuse what can never run, resolve what is known, write it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from appliance.catalog import (
    Catalog,
    Project,
    Tx,
    check_quota,
    get_project,
    project_settings,
    require_open,
)
from appliance.core import ApplianceError, DataFolder, Invalid
from appliance.jobs.capacity import Capacity
from appliance.jobs.dryrun import Chain, Look, Step, dry_row, walk
from appliance.jobs.plan import Plan, plan_job
from appliance.jobs.routing import Routes
from appliance.jobs.structs import BatchSpec, DryRow, JobSpec, Submitted
from appliance.jobs.studies import analysis_ref
from appliance.jobs.submit import Order, Work, chains_for, insert_batch
from appliance.jobs.submitting import Submissions
from appliance.jobs.tools import ToolBox
from appliance.jobs.variables import variables_of

__all__ = ["Batches", "DryPieces"]

_AT_ONCE = 500  # jobs that are looked up, and written, before others get their turn
_PIECE_S = 0.2  # how long somebody waits for the next rows of a dry run


class DryPieces(NamedTuple):
    """The rows of a dry run as they are found; how many there will be is known before."""

    total: int
    pieces: Iterator[list[DryRow]]


class Batches:
    """The door for new work.

    Parameters
    ----------
    catalog, folder, tools
        What batches are made from.
    capacity : Capacity
        What no single job may exceed.
    queues : sequence of str
        Names of the queues there are.
    routes : Routes, optional
        Where they go; all to this machine without.
    """

    def __init__(
        self,
        catalog: Catalog,
        folder: DataFolder,
        tools: ToolBox,
        *,
        capacity: Capacity,
        queues: Sequence[str],
        routes: Routes | None = None,
    ) -> None:
        self._catalog = catalog
        self._folder = folder
        self._tools = tools
        self._capacity = capacity
        self._queues = queues
        self._routes = routes or Routes()
        self.submissions = Submissions(catalog)

    def dry_run(self, spec: BatchSpec, targets: Sequence[str], actor: str = "") -> list[DryRow]:
        """Tell what each job would get for each target; nothing is written."""
        with self._catalog.read() as con:
            project = get_project(con, spec.project)
            plans = self._plans(con, spec, project, actor)
            chains = chains_for(con, project, spec.level, targets)
            work = walk(con, self._folder, project, spec, plans=plans, chains=chains)
            return [dry_row(one, step) for one, steps in work for step in steps]

    def dry_pieces(self, spec: BatchSpec, targets: Sequence[str], actor: str = "") -> DryPieces:
        """Do the same bit by bit: the first rows come at once, and whoever asks may stop."""
        with self._catalog.read() as con:
            project = get_project(con, spec.project)
            plans = self._plans(con, spec, project, actor)
            chains = chains_for(con, project, spec.level, targets)
        look = Look(self._folder, project, spec, plans)
        return DryPieces(len(chains) * len(plans), self._looked(look, chains))

    def _looked(self, look: Look, chains: Sequence[Chain]) -> Iterator[list[DryRow]]:
        todo = iter(chains)
        while True:
            rows: list[DryRow] = []
            end = time.monotonic() + _PIECE_S
            with self._catalog.read() as con:
                for one in todo:
                    rows += [dry_row(one, step) for step in look.at(con, one)]
                    if time.monotonic() >= end:
                        break
            if not rows:
                return
            yield rows

    def submit(
        self,
        spec: BatchSpec,
        targets: Sequence[str],
        actor: str,
        *,
        within: Callable[[Tx, Submitted], None] | None = None,
    ) -> Submitted:
        """Write a batch down; its jobs are durable when this returns.

        `within` is called in the same transaction; what it raises takes the batch back.
        """
        with self._catalog.read() as con:
            project = get_project(con, spec.project)
            require_open(con, project.id)
            check_quota(con, project)
            plans = self._plans(con, spec, project, actor)
            chains = chains_for(con, project, spec.level, targets)
            looked = walk(con, self._folder, project, spec, plans=plans, chains=chains, hasty=True)
        used = [self._tools.get(plan.job.tool) for plan in plans if plan.job.tool]
        settled = msgspec.structs.replace(spec, queue=spec.queue or self._usual(project))
        order = Order(project, settled, plans, actor, used, self._routes)
        pieces = self._pieces(looked)
        first, second = next(pieces, []), next(pieces, [])
        if second:
            rest, n_all = chain((first, second), pieces), len(chains) * len(plans)
            return self.submissions.write(order, rest, n_all, within)

        def write(tx: Tx) -> Submitted:
            done = insert_batch(tx, order, first)
            if within is not None:
                within(tx, done)
            return done

        return self._catalog.write(write)

    def _pieces(self, looked: Iterator[tuple[Chain, list[Step]]]) -> Iterator[Work]:
        """Look at some chains at a time, each time as of then."""
        while True:
            piece: list[tuple[Chain, list[Step]]] = []
            n = 0
            with self._catalog.read():
                while n < _AT_ONCE and (one := next(looked, None)) is not None:
                    piece.append(one)
                    n += len(one[1])
            if not piece:
                return
            yield piece

    def check(self, spec: BatchSpec, actor: str = "") -> list[str]:
        """Tell what is wrong with the jobs of a batch, whatever it would run on."""
        with self._catalog.read() as con:
            project = get_project(con, spec.project)
            known = variables_of(con, project.id, actor)
        problems, wrong = [], []
        if spec.queue and spec.queue not in self._queues:  # told once, not for every job
            wrong = [f"there is no queue {spec.queue!r}"]
            spec = msgspec.structs.replace(spec, queue="")
        for number, job in enumerate(spec.jobs, 1):
            try:
                plan = plan_job(self._queued(job, spec, project), self._tools, variables=known)
                self._routes.check(plan, plan.job.queue, self._capacity)
            except ApplianceError as error:
                problems.append(f"job {number}: {error.message}")
        return problems + wrong

    def _plans(
        self, con: sqlite3.Connection, spec: BatchSpec, project: Project, actor: str
    ) -> list[Plan]:
        if spec.n_groups < 1:
            raise Invalid("a batch cannot be run in no group at all")
        general = "break" if spec.on_error == "stop" else "report"
        results = analysis_ref(spec.name) if spec.level == "project" else "this"
        known = variables_of(con, project.id, actor)
        plans = []
        for position, job in enumerate(spec.jobs):
            if job.enabled:
                placed = self._queued(job, spec, project)
                said = msgspec.structs.replace(placed, on_error=job.on_error or general)
                plans.append(
                    plan_job(said, self._tools, position=position, results=results, variables=known)
                )
        if not plans:
            raise Invalid("the batch has no job that is switched on")
        for plan in plans:
            self._routes.check(plan, plan.job.queue, self._capacity)
        return plans

    def _usual(self, project: Project) -> str:
        """Give the queue of jobs for which nobody names one."""
        return project_settings(project).queue or self._queues[0]

    def _queued(self, job: JobSpec, spec: BatchSpec, project: Project) -> JobSpec:
        """Say where a job waits: as it says itself, its batch, its tool, or the project."""
        tool = self._tools.get(job.tool).queue if job.tool else ""
        queue = job.queue or spec.queue or tool or self._usual(project)
        if queue not in self._queues:
            raise Invalid(f"there is no queue {queue!r}", hint=f"Use {', '.join(self._queues)}.")
        return msgspec.structs.replace(job, queue=queue)
