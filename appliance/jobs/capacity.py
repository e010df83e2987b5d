"""How much of the machine jobs may use, how much is in use, and what fits next."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from appliance.core import JobError
from appliance.jobs.gpus import GpuSource
from appliance.jobs.states import LIVE
from appliance.jobs.structs import Resources

__all__ = ["Capacity", "Usage", "capacity_of", "pick", "refuse_impossible", "usage"]

_STARVED_MS = 10 * 60_000
_IN_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))
_ELIGIBLE = """
SELECT job.* FROM job WHERE state = 'queued' AND NOT EXISTS (
  SELECT 1 FROM job_dep d JOIN job n ON n.id = d.needs_job_id WHERE d.job_id = job.id
  AND NOT (n.state = 'done' OR (d.kind = 'any'
    AND n.state IN ('failed', 'cancelled', 'lost', 'skipped', 'unresolved'))))
ORDER BY priority DESC, id LIMIT 500
"""


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
    gpus: set[str] = field(default_factory=set)

    def take(self, row: sqlite3.Row, gpus: Iterable[str]) -> None:
        """Count one more job."""
        self.cpus += row["cpus"]
        self.memory_mb += row["memory_mb"]
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
    """Add up what live jobs hold, from the tables alone."""
    used = Usage()
    for row in con.execute(
        "SELECT job.cpus, job.memory_mb, a.gpu_uuids FROM job"
        " LEFT JOIN attempt a ON a.job_id = job.id AND a.n = job.attempt"
        f" WHERE job.state IN ({_IN_LIVE})"
    ):
        used.take(row, json.loads(row["gpu_uuids"] or "[]"))
    return used


def pick(
    con: sqlite3.Connection, capacity: Capacity, busy: frozenset[str], now: int
) -> list[tuple[sqlite3.Row, list[str]]]:
    """Choose the jobs to start now, each with the GPUs it gets.

    Smaller jobs may pass one that does not fit, until that one has waited ten minutes; from then
    on what becomes free is kept for it.
    """
    used, chosen = usage(con), []
    for row in con.execute(_ELIGIBLE).fetchall():
        free = [gpu for gpu in capacity.gpus if gpu not in used.gpus and gpu not in busy]
        if _fits(row, capacity, used, free):
            gpus = free[: row["gpus"]]
            used.take(row, gpus)
            chosen.append((row, gpus))
        elif now - row["queued_at"] > _STARVED_MS:
            break
    return chosen


def _fits(row: sqlite3.Row, capacity: Capacity, used: Usage, free: list[str]) -> bool:
    return bool(
        used.cpus + row["cpus"] <= capacity.cpus
        and used.memory_mb + row["memory_mb"] <= capacity.memory_mb
        and row["gpus"] <= len(free)
    )
