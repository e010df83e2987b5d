"""Which jobs start next: by priority, smaller ones past a blocked one, and in time none past it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from appliance.jobs.capacity import Capacity, usage

__all__ = ["Chosen", "Need", "Patience", "Picker", "Room", "need_of"]

_AT_ONCE = 500
_NO_LIMIT = 2**62
_READY = """
SELECT j.id, j.key, j.priority, j.cpus, j.memory_mb, j.gpus, j.retries, j.adapter, j.attempt,
  j.walltime_s, j.disk_mb
FROM job j INDEXED BY {index}
WHERE j.state = 'queued' AND {where}
AND j.batch_id NOT IN (SELECT id FROM batch WHERE submitting = 1)
AND NOT EXISTS (
  SELECT 1 FROM job_dep d JOIN job n ON n.id = d.needs_job_id WHERE d.job_id = j.id
  AND NOT (n.state = 'done' OR (d.kind = 'any'
    AND n.state IN ('failed', 'cancelled', 'lost', 'skipped', 'unresolved'))))
ORDER BY j.priority DESC, j.id LIMIT ?
"""
_LOCAL = _READY.format(
    index="job_waiting",
    where="j.adapter = 'local' AND j.cpus <= ? AND j.gpus <= ?"
    " AND (j.memory_mb <= ? OR j.retries > 0) AND j.disk_mb <= ?",
)
_ELSEWHERE = _READY.format(
    index="job_waiting_elsewhere", where="j.adapter <> 'local' AND j.adapter = ? AND j.queue = ?"
)
_NEXT_QUEUE = """
SELECT adapter, queue FROM job INDEXED BY job_waiting_elsewhere
WHERE state = 'queued' AND adapter <> 'local' AND (adapter, queue) > (?, ?)
ORDER BY adapter, queue LIMIT 1
"""


class Need(NamedTuple):
    """What one job needs, or what is left: the three that are counted."""

    cpus: int
    memory_mb: int
    gpus: int

    def fits(self, free: Need) -> bool:
        """Tell whether all of it is there."""
        return all(need <= there for need, there in zip(self, free, strict=True))


class Chosen(NamedTuple):
    """A job to start now, with the GPUs it gets."""

    row: sqlite3.Row
    gpus: list[str]


class Room(NamedTuple):
    """The machine at one moment."""

    capacity: Capacity
    busy: frozenset[str] = frozenset()
    free_disk_mb: int | None = None


@dataclass
class Patience:
    """How long jobs that came first have been passed by smaller ones; a clock that only goes on.

    Parameters
    ----------
    limit_s : float
        Seconds after which a job is passed no more.
    clock : callable
        Monotonic seconds.
    """

    limit_s: float
    clock: Callable[[], float]
    since: dict[int, float] = field(default_factory=dict)

    def is_over(self, job_id: int) -> bool:
        """Note that a job is first and does not fit; tell whether that was so for too long."""
        if job_id not in self.since:
            self.since = {job_id: self.clock()}
        return self.clock() - self.since[job_id] >= self.limit_s

    def first(self) -> int | None:
        """Give the job for which what becomes free is kept now."""
        return next((i for i, at in self.since.items() if self.clock() - at >= self.limit_s), None)


@dataclass
class Picker:
    """Chooses what to start at one moment.

    Smaller jobs may pass the first one that does not fit. When that one has been passed for too
    long, only those may pass that leave it what it needs, or that end before it could start.

    Parameters
    ----------
    con : sqlite3.Connection
    room : Room
    patience : Patience
    now : int
        Wall clock in ms; only ends of running jobs are reckoned with it.
    """

    con: sqlite3.Connection
    room: Room
    patience: Patience
    now: int

    def pick(self) -> list[Chosen]:
        """Choose, in the order in which they are to be started."""
        elsewhere = [Chosen(row, []) for row in self._elsewhere()]
        self._used = usage(self.con)
        return [*elsewhere, *self._here()]

    def _elsewhere(self) -> Iterator[sqlite3.Row]:
        """Give jobs for other machines, by priority; of equal ones the queues take turns.

        Each queue is looked at by itself: a long one that nothing is taken from hides no other.
        """
        found: list[tuple[int, int, int, sqlite3.Row]] = []
        for number, place in enumerate(self._queues_elsewhere()):
            turns = Counter[int]()
            for row in self.con.execute(_ELSEWHERE, (*place, _AT_ONCE)):
                turns[row["priority"]] += 1
                found.append((-row["priority"], turns[row["priority"]], number, row))
        found.sort(key=lambda one: one[:3])
        return (row for *_, row in found)

    def _queues_elsewhere(self) -> Iterator[tuple[str, str]]:
        """List the adapters and queues in which jobs wait; one step in the index for each."""
        place: tuple[str, str] = ("", "")
        while row := self.con.execute(_NEXT_QUEUE, place).fetchone():
            place = (row["adapter"], row["queue"])
            yield place

    def _here(self) -> Iterator[Chosen]:
        """First those that come first, then those that may pass the first which does not fit."""
        taken: set[int] = set()
        first = None
        everything = _total(self.room.capacity)
        for row in self._rows(everything, _NO_LIMIT, self.room.capacity.cpus + 1):
            if not self._fits(row):
                first = row
                break
            taken.add(row["id"])
            yield self._take(row)
        if first is None:
            self.patience.since = {}
            return
        late = self.patience.is_over(first["id"])
        ends_by = self._could_start(first) if late else None
        for row in self._rows(self._free(), self._free_disk_mb(), _AT_ONCE):
            if self._free().cpus <= 0:
                return
            may = row["id"] not in taken and self._fits(row)
            if may and (not late or self._may_pass(row, first, ends_by)):
                yield self._take(row)

    def _take(self, row: sqlite3.Row) -> Chosen:
        gpus = self._free_gpus()[: row["gpus"]]
        self._used.take(need_of(row, self.room.capacity), gpus)
        self._used.disk_mb += row["disk_mb"]
        return Chosen(row, gpus)

    def _rows(self, free: Need, disk_mb: int, limit: int) -> Iterator[sqlite3.Row]:
        """Jobs that wait for nothing else, in order, and ask for no more than is free."""
        if free.cpus > 0:
            values = (free.cpus, free.gpus, free.memory_mb, disk_mb, limit)
            yield from self.con.execute(_LOCAL, values)  # read only as far as there is room

    def _may_pass(self, row: sqlite3.Row, first: sqlite3.Row, ends_by: float | None) -> bool:
        """Tell whether a job takes nothing that the first one waits for, or gives it back in time.

        Of what the first one waits for, nothing; of the rest, what it leaves.
        """
        limit = row["walltime_s"]
        if ends_by is not None and limit is not None and self.now / 1000 + limit <= ends_by:
            return True
        mine, wanted = (need_of(one, self.room.capacity) for one in (row, first))
        return all(
            take <= max(0, free - need)
            for take, free, need in zip(mine, self._free(), wanted, strict=True)
        )

    def _could_start(self, row: sqlite3.Row) -> float | None:
        """Tell when a blocked job could start, in seconds; None when nobody knows."""
        wanted, free = need_of(row, self.room.capacity), self._free()
        for end, given_back in _ends(self.con):
            free = Need(*(a + b for a, b in zip(free, given_back, strict=True)))
            if wanted.fits(free):
                return end
        return None

    def _fits(self, row: sqlite3.Row) -> bool:
        if not need_of(row, self.room.capacity).fits(self._free()):
            return False
        return bool(row["disk_mb"] <= self._free_disk_mb())

    def _free_disk_mb(self) -> int:
        """What jobs may still fill; one that asks for nothing always may start."""
        free_mb = self.room.free_disk_mb
        return _NO_LIMIT if free_mb is None else max(0, free_mb - self._used.disk_mb)

    def _free(self) -> Need:
        capacity, used = self.room.capacity, self._used
        return Need(
            capacity.cpus - used.cpus,
            capacity.memory_mb - used.memory_mb,
            len(self._free_gpus()),
        )

    def _free_gpus(self) -> list[str]:
        taken = self._used.gpus | self.room.busy
        return [gpu for gpu in self.room.capacity.gpus if gpu not in taken]


def need_of(row: sqlite3.Row | Mapping[str, int], capacity: Capacity) -> Need:
    """Give what a job needs; one that is tried again with more memory gets all there is at most."""
    memory = min(row["memory_mb"], capacity.memory_mb) if row["retries"] else row["memory_mb"]
    return Need(row["cpus"], memory, row["gpus"])


def _total(capacity: Capacity) -> Need:
    return Need(capacity.cpus, capacity.memory_mb, len(capacity.gpus))


def _ends(con: sqlite3.Connection) -> list[tuple[float, Need]]:
    """When live jobs with a time limit give back what they hold, soonest first, in seconds."""
    rows = con.execute(
        "SELECT started_at, walltime_s, cpus, memory_mb, gpus FROM job"
        " WHERE state IN ('starting', 'running') AND walltime_s IS NOT NULL AND adapter = 'local'"
    ).fetchall()
    return sorted((row["started_at"] / 1000 + row["walltime_s"], Need(*row[2:])) for row in rows)
