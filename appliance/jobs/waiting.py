"""Why a job waits, in words, as of this moment: reckoned when someone looks, never stored."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from appliance.jobs.capacity import Capacity, usage
from appliance.jobs.picking import Need, Room, need_of
from appliance.jobs.rows import JobRow
from appliance.jobs.states import State

__all__ = ["explain"]

_WAITS_FOR = """
SELECT j.key, n.name, n.state FROM json_each(?) w JOIN job j ON j.key = w.value
JOIN job_dep d ON d.job_id = j.id JOIN job n ON n.id = d.needs_job_id
WHERE n.state <> 'done' AND NOT (d.kind = 'any'
  AND n.state IN ('failed', 'cancelled', 'lost', 'skipped', 'unresolved'))
ORDER BY j.id, n.id
"""
_NEEDS = """
SELECT j.key, j.id, j.cpus, j.memory_mb, j.gpus, j.retries, j.adapter, j.disk_mb
FROM json_each(?) w JOIN job j ON j.key = w.value
"""


def explain(
    con: sqlite3.Connection,
    rows: Sequence[JobRow],
    room: Room,
    *,
    obstacle: str = "",
    first: int | None = None,
) -> list[JobRow]:
    """Say of each row that is queued what it waits for; the others are given as they are.

    Parameters
    ----------
    room : Room
        The machine now.
    obstacle : str
        Why nothing at all is started, if so.
    first : int, optional
        Row id of the job for which what becomes free is kept.
    """
    keys = json.dumps([row.key for row in rows if row.state == State.QUEUED])
    if keys == "[]":
        return list(rows)
    before = {row["key"]: row for row in reversed(con.execute(_WAITS_FOR, (keys,)).fetchall())}
    needs = {row["key"]: row for row in con.execute(_NEEDS, (keys,))}
    now = _Moment(con, room, first)

    def why(row: JobRow) -> str:
        text = _after(before.get(row.key)) or obstacle or now.why(needs[row.key])
        return "; ".join(filter(None, (row.why, text)))

    return [
        msgspec.structs.replace(row, why=why(row))
        if row.state == State.QUEUED and row.key in needs
        else row
        for row in rows
    ]


def _after(row: sqlite3.Row | None) -> str:
    return "" if row is None else f"waits for job {row['name']!r}, which is {row['state']}"


class _Moment:
    """What is free at one moment."""

    def __init__(self, con: sqlite3.Connection, room: Room, first: int | None) -> None:
        used, capacity = usage(con), room.capacity
        self._room, self._first, self._disk_mb = room, first, used.disk_mb
        outside = [gpu for gpu in capacity.gpus if gpu in room.busy and gpu not in used.gpus]
        self._outside = len(outside)
        gpus = len(capacity.gpus) - len(outside) - len(used.gpus & set(capacity.gpus))
        self._free = Need(capacity.cpus - used.cpus, capacity.memory_mb - used.memory_mb, gpus)

    def why(self, row: sqlite3.Row) -> str:
        """Say what is missing for a job that waits for no other."""
        if row["adapter"] != "local":
            return f"waits to be handed to {row['adapter']}"
        need = need_of(row, self._room.capacity)
        if parts := list(_too_much(need, self._room.capacity)):
            return f"asks for {' and '.join(parts)}: it cannot start"
        if parts := [*self._missing(need), *self._missing_disk(row["disk_mb"])]:
            return f"waits for {' and '.join(parts)}"
        if self._first is not None and self._first != row["id"]:
            return "waits: what is free is kept for a larger job that has waited for long"
        return "waits for its turn"

    def _missing(self, need: Need) -> Iterator[str]:
        free = Need(*(max(0, value) for value in self._free))
        if need.cpus > free.cpus:
            yield f"{_counted(need.cpus, 'processor')} ({free.cpus} free)"
        if need.memory_mb > free.memory_mb:
            yield f"{need.memory_mb} MiB of memory ({free.memory_mb} free)"
        if need.gpus > free.gpus:
            others = f", {self._outside} used by other programs" if self._outside else ""
            yield f"{_counted(need.gpus, 'GPU')} ({free.gpus} free{others})"

    def _missing_disk(self, need_mb: int) -> Iterator[str]:
        free_mb = self._room.free_disk_mb
        if need_mb and free_mb is not None and need_mb + self._disk_mb > free_mb:
            yield f"{need_mb} MiB of disk ({max(0, free_mb - self._disk_mb)} free)"


def _too_much(need: Need, capacity: Capacity) -> Iterator[str]:
    if need.cpus > capacity.cpus:
        yield f"{_counted(need.cpus, 'processor')} of {capacity.cpus}"
    if need.memory_mb > capacity.memory_mb:
        yield f"{need.memory_mb} of {capacity.memory_mb} MiB of memory"
    if need.gpus > len(capacity.gpus):
        yield f"{_counted(need.gpus, 'GPU')} of {len(capacity.gpus)}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
