"""How much of the machine jobs may use, how much is in use, and what fits next."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from appliance.core import JobError
from appliance.jobs.gpus import GpuSource
from appliance.jobs.states import LIVE
from appliance.jobs.structs import Resources

__all__ = ["Capacity", "Usage", "capacity_of", "refuse_impossible", "usage"]

_IN_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))


@dataclass(frozen=True)
class Capacity:
    """What jobs may use together."""

    cpus: int
    memory_mb: int
    gpus: tuple[str, ...] = ()


@dataclass
class Usage:
    """What live jobs hold; suspended ones too, as their memory stays taken."""

    cpus: int = 0
    memory_mb: int = 0
    disk_mb: int = 0
    gpus: set[str] = field(default_factory=set)

    def take(self, need: Sequence[int], gpus: Iterable[str]) -> None:
        """Count one more job, by its processors and MiB."""
        self.cpus += need[0]
        self.memory_mb += need[1]
        self.gpus |= set(gpus)


def capacity_of(cpus: int, memory_mb: int, gpus: GpuSource) -> Capacity:
    """Fill in zeros: all processors of this process, 80 % of the memory."""
    total_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return Capacity(
        cpus or len(os.sched_getaffinity(0)), memory_mb or total_mb * 4 // 5, tuple(gpus.uuids())
    )


def refuse_impossible(name: str, need: Resources, capacity: Capacity) -> None:
    """Refuse a job that could never start here.

    Raises
    ------
    JobError
        With what it asks for and what there is.
    """
    for what, wanted, there in (
        ("processors", need.cpus, capacity.cpus),
        ("MiB of memory", need.memory_mb, capacity.memory_mb),
        ("GPUs", need.gpus, len(capacity.gpus)),
    ):
        if wanted > there:
            raise JobError(
                f"job {name!r} asks for {wanted} {what}; jobs here may use {there}",
                hint="Lower what the job asks for, or raise the limit in the settings of jobs.",
            )


def usage(con: sqlite3.Connection) -> Usage:
    """Add up what live jobs of this machine hold, from the tables alone."""
    used = Usage()
    for row in con.execute(
        "SELECT job.cpus, job.memory_mb, job.disk_mb, a.gpu_uuids FROM job"
        " LEFT JOIN attempt a ON a.job_id = job.id AND a.n = job.attempt"
        f" WHERE job.state IN ({_IN_LIVE}) AND job.adapter = 'local'"
    ):
        used.take((row["cpus"], row["memory_mb"]), json.loads(row["gpu_uuids"] or "[]"))
        used.disk_mb += row["disk_mb"]
    return used
