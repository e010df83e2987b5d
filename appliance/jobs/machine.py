"""The machine as jobs see it: what it has, what is free, what starts next, and what waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from appliance.catalog import Catalog
from appliance.core import now_ms
from appliance.jobs.capacity import Capacity, usage
from appliance.jobs.gpus import GpuSource
from appliance.jobs.picking import Chosen, Patience, Picker, Room
from appliance.jobs.progress import with_progress
from appliance.jobs.rows import JobRow
from appliance.jobs.waiting import explain

__all__ = ["Machine"]


class Machine:
    """Chooses jobs for this machine and says why the others wait.

    Parameters
    ----------
    catalog : Catalog
    capacity : Capacity
        What jobs may use together.
    gpus : GpuSource
    free_disk_mb : callable
        How many MiB jobs may still fill.
    reserve_after_s : float
        The setting ``jobs.reserve_after_s``.
    foreign_gpus : bool
        The setting ``jobs.foreign_gpus``.
    """

    def __init__(
        self,
        catalog: Catalog,
        capacity: Capacity,
        gpus: GpuSource,
        *,
        free_disk_mb: Callable[[], int],
        reserve_after_s: float,
        foreign_gpus: bool = False,
    ) -> None:
        self._catalog = catalog
        self.capacity = capacity
        self._gpus = gpus
        self._free_disk_mb = free_disk_mb
        self._foreign_gpus = foreign_gpus
        self._patience = Patience(reserve_after_s, time.monotonic)

    def pick(self) -> list[Chosen]:
        """Choose what to start now."""
        room = self._room()
        with self._catalog.read() as con:
            return Picker(con, room, self._patience, now_ms()).pick()

    def explain(self, rows: Sequence[JobRow], obstacle: str) -> list[JobRow]:
        """Say of each row that waits for what, and of each that runs how far it is."""
        room, first = self._room(), self._patience.first()
        with self._catalog.read() as con:
            told = explain(con, rows, room, obstacle=obstacle, first=first)
            return with_progress(con, told)

    def _room(self) -> Room:
        return Room(self.capacity, self._busy_gpus(), self._free_disk_mb())

    def _busy_gpus(self) -> frozenset[str]:
        if not self.capacity.gpus or self._foreign_gpus:
            return frozenset()
        with self._catalog.read() as con:
            ours = frozenset(usage(con).gpus)
        return self._gpus.busy_outside(ours)
