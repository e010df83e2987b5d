"""Submitting batches: plan the jobs, refuse what can never run, resolve what is known, write it."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.catalog import Catalog, check_quota, get_project, require_open
from appliance.core import DataFolder, Invalid
from appliance.jobs.capacity import Capacity, refuse_impossible
from appliance.jobs.plan import Plan, plan_job
from appliance.jobs.structs import BatchSpec, DryRow, Submitted
from appliance.jobs.submit import Chain, Order, chains_for, dry_rows, insert_batch
from appliance.jobs.tools import ToolBox

__all__ = ["Batches"]


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
    """

    def __init__(
        self,
        catalog: Catalog,
        folder: DataFolder,
        tools: ToolBox,
        *,
        capacity: Capacity,
        queues: Sequence[str],
    ) -> None:
        self._catalog = catalog
        self._folder = folder
        self._tools = tools
        self._capacity = capacity
        self._queues = queues

    def dry_run(self, spec: BatchSpec, targets: Sequence[str]) -> list[DryRow]:
        """Tell what each job would get for each target; nothing is written."""
        plans = self._plans(spec)
        with self._catalog.read() as con:
            project = get_project(con, spec.project)
            chains = chains_for(con, project, spec.level, targets)
            serial = spec.mode == "serial"
            return dry_rows(con, self._folder, project, plans, chains, serial=serial)

    def submit(self, spec: BatchSpec, targets: Sequence[str], actor: str) -> Submitted:
        """Write a batch down; its jobs are durable when this returns."""
        plans = self._plans(spec)
        with self._catalog.read() as con:
            project = get_project(con, spec.project)
            require_open(con, project.id)
            check_quota(con, project)
            chains = chains_for(con, project, spec.level, targets)
            known = len(plans) if spec.mode == "parallel" else 1
            first = dry_rows(con, self._folder, project, plans[:known], chains, serial=False)
        problems = [row.problem for row in first]
        later = [None] * (len(plans) - known)
        work: list[tuple[Chain, list[str | None]]] = [
            (chain, [*problems[i * known : (i + 1) * known], *later])
            for i, chain in enumerate(chains)
        ]
        used = [self._tools.get(plan.job.tool) for plan in plans if plan.job.tool]
        order = Order(project, spec, plans, actor, used)
        return self._catalog.write(lambda tx: insert_batch(tx, order, work))

    def _plans(self, spec: BatchSpec) -> list[Plan]:
        if spec.queue not in self._queues:
            raise Invalid(
                f"there is no queue {spec.queue!r}", hint=f"Use {', '.join(self._queues)}."
            )
        plans = [plan_job(job, self._tools) for job in spec.jobs if job.enabled]
        if not plans:
            raise Invalid("the batch has no job that is switched on")
        for plan in plans:
            refuse_impossible(plan.job.name, plan.resources, self._capacity)
        return plans
