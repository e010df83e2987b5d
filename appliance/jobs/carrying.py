"""Groups of jobs on a cluster: one job there carries the attempts of a group, one after another.

The carrier runs under the name of the first attempt that it carries. The next attempt of the group
is made known to it when it is ready, so its arguments are looked up as those of any job; a carrier
that has ended meanwhile leaves it untouched, and it gets another one.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING

from appliance.core import atomic_write
from appliance.jobs.structs import Resources
from appliance.jobs.workload import Entry, Seen, mark_of, read_mark

if TYPE_CHECKING:
    from appliance.jobs.cluster import ClusterAdapter

__all__ = ["Carriers", "Mark"]

Mark = tuple[str, int]
_LEAST_IDLE_S = 60.0
_EARLIER = """
SELECT DISTINCT a.carrier FROM job j JOIN attempt a ON a.job_id = j.id
WHERE j.grouped = ? AND j.adapter = ? AND j.queue = ? AND a.carrier IS NOT NULL
"""
_TO_COME = """
FROM job WHERE grouped = ? AND adapter = ? AND queue = ?
  AND state IN ('queued', 'starting', 'running', 'suspended', 'finishing')
"""
_NEEDED = """
SELECT c.key FROM json_each(?) w CROSS JOIN job c ON c.key = w.value
WHERE c.grouped IS NOT NULL AND EXISTS (
  SELECT 1 FROM job j WHERE j.grouped = c.grouped AND j.adapter = c.adapter AND j.queue = c.queue
  AND j.state IN ('queued', 'starting', 'running', 'suspended', 'finishing'))
"""


class Carriers:
    """The carriers of one adapter; used by its thread alone.

    Parameters
    ----------
    adapter : ClusterAdapter
        Whose they are.
    command : sequence of str
        Starts a supervisor there.
    program : str
        The carrier's program, as the cluster knows it.
    """

    def __init__(self, adapter: ClusterAdapter, command: Sequence[str], program: str) -> None:
        self._adapter, self._command, self._program = adapter, tuple(command), program
        self._there: Mapping[Mark, Sequence[Entry]] = {}
        self.open: set[str] = set()

    def look(self, there: Mapping[Mark, Sequence[Entry]], rows: Sequence[sqlite3.Row]) -> None:
        """Take notice of what is on the cluster."""
        self._there = there
        self.open |= {row["carrier"] for row in rows if row["carrier"]}

    def choose(self, row: sqlite3.Row) -> str:
        """Give the carrier of an attempt: one of its group that lives, else one of its own."""
        if row["carrier"]:
            return str(row["carrier"])
        with self._adapter.catalog.read() as con:
            known = con.execute(_EARLIER, (row["grouped"], self._adapter.name, row["queue"]))
            marks = [found["carrier"] for found in known]
        return next((mark for mark in marks if self._takes(row, mark)), _own(row))

    def _takes(self, row: sqlite3.Row, mark: str) -> bool:
        lives = any(one.seen is not Seen.ENDED for one in self._there.get(_mark(mark), ()))
        ended = [(_word(row, mark) / name).exists() for name in ("close", "closed", "ending")]
        return lives and not any(ended)

    def announce(self, row: sqlite3.Row, mark: str, folder: Path) -> str | None:
        """Tell a carrier of an attempt; give what the cluster calls it."""
        word = _word(row, mark)
        word.mkdir(mode=0o700, exist_ok=True)
        with atomic_write(word / f"next-{row['key']}-{row['n']}") as stream:
            stream.write(self._adapter.site.paths.there(folder).encode())
        return next((one.ref for one in self._there.get(_mark(mark), ())), None)

    def wish(self, row: sqlite3.Row, number: Signals) -> None:
        """Let the carrier send a signal to the supervisor of an attempt."""
        there = self._adapter.site.paths.there(Path(row["run_dir"]))
        asked = {"folder": there, "signal": int(number), "at": time.time_ns()}
        with atomic_write(_word(row, row["carrier"]) / "wish") as stream:
            stream.write(json.dumps(asked).encode())

    def is_ending(self, row: sqlite3.Row) -> bool:
        """Tell whether the carrier of an attempt was told from outside to end."""
        return (_word(row, row["carrier"]) / "ending").exists()

    def command(self, folder: str) -> list[str]:
        """Give the command line of a carrier whose first attempt has a run folder there."""
        python, *_, supervisor = self._command
        idle_s = max(_LEAST_IDLE_S, 2 * self._adapter.settings.settle_s)
        more = ["forward"] if self._adapter.settings.kind == "sge" else []
        return [python, "-I", "-S", self._program, supervisor, folder, f"{idle_s:g}", *more]

    def need(self, row: sqlite3.Row) -> Resources:
        """Give what a carrier asks for: the most of what is to come, and the time of all."""
        with self._adapter.catalog.read() as con:
            most = con.execute(
                "SELECT max(cpus) cpus, max(memory_mb) memory, max(gpus) gpus, sum(walltime_s IS"
                f" NULL) endless, sum(walltime_s) + count(*) * ? AS time {_TO_COME}",
                (_LEAST_IDLE_S, row["grouped"], self._adapter.name, row["queue"]),
            ).fetchone()
        time_s = None if most["endless"] else int(most["time"])
        return Resources(most["cpus"], most["memory"], most["gpus"], time_s)

    def dismiss(self, live: Collection[Mark]) -> set[Mark]:
        """Close those for which nothing is to come; give the others, which are to be left alone."""
        self.open = {mark for mark in self.open if self._lives(mark)}
        idle = {mark for mark in self.open if _mark(mark) not in live}
        if not idle:
            return set()
        keys = json.dumps(sorted(_mark(mark)[0] for mark in idle))
        with self._adapter.catalog.read() as con:
            needed = {str(row[0]) for row in con.execute(_NEEDED, (keys,))}
        kept = {mark for mark in idle if _mark(mark)[0] in needed}
        for mark in idle - kept:
            self._close(mark)
        return {_mark(mark) for mark in kept}

    def _lives(self, mark: str) -> bool:
        return any(one.seen is not Seen.ENDED for one in self._there.get(_mark(mark), ()))

    def _close(self, mark: str) -> None:
        key, n = _mark(mark)
        with self._adapter.catalog.read() as con:
            found = con.execute(
                "SELECT run_dir FROM attempt a JOIN job j ON j.id = a.job_id"
                " WHERE j.key = ? AND a.n = ?",
                (key, n),
            ).fetchone()
        word = Path(found["run_dir"]) / "carrier"
        if word.parent.exists():
            word.mkdir(mode=0o700, exist_ok=True)
            (word / "close").touch()


def _own(row: sqlite3.Row) -> str:
    return mark_of(row["key"], row["n"])


def _mark(text: str) -> Mark:
    return read_mark(text) or ("", 0)


def _word(row: sqlite3.Row, mark: str) -> Path:
    """Folder where word is left for a carrier, from a run folder beside its own."""
    key, n = _mark(mark)
    return Path(row["run_dir"]).parents[1] / key / str(n) / "carrier"
