"""Which adapter a job goes to, and whether it could ever start there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from appliance.core import Invalid
from appliance.jobs.capacity import Capacity, refuse_impossible
from appliance.jobs.plan import Plan
from appliance.jobs.structs import JobSpec

__all__ = ["LOCAL", "Routes"]

LOCAL = "local"
"""Name of the adapter that is always there: this machine."""


@dataclass(frozen=True)
class Routes:
    """Where jobs go.

    Parameters
    ----------
    queues : mapping of str to str
        The adapter of each queue that does not run on this machine.
    names : collection of str
        All adapters beside this machine.
    """

    queues: Mapping[str, str] = field(default_factory=dict)
    names: Collection[str] = ()

    def adapter_of(self, job: JobSpec, queue: str) -> str:
        """Choose the adapter of a job: what it says itself, else what its queue goes to."""
        return job.adapter or self.queues.get(queue, LOCAL)

    def check(self, plan: Plan, queue: str, capacity: Capacity) -> None:
        """Refuse a job that could never start; what a cluster has is for the cluster to know.

        Raises
        ------
        Invalid
            If there is no adapter of the name it gives.
        JobError
            If it asks for more than this machine has.
        """
        adapter = self.adapter_of(plan.job, queue)
        if adapter == LOCAL:
            refuse_impossible(plan.job.name, plan.resources, capacity)
        elif adapter not in self.names:
            known = ", ".join([LOCAL, *sorted(self.names)])
            raise Invalid(f"there is no adapter {adapter!r}", hint=f"Use {known}.")
