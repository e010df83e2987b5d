"""Where attempts run: the plug point for adapters, and the set of adapters of one appliance.

An adapter starts the supervisor of a run folder somewhere and tells when it has ended. The run
folder (``claim``, ``exit.json``) is the truth about an attempt, whatever the adapter says of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from appliance.core import NotFound
from appliance.jobs.launch import Start
from appliance.jobs.reconcile import Ends
from appliance.jobs.sites import Site

__all__ = ["Adapter", "Adapters", "Waiter"]

_T = TypeVar("_T")


class Adapter(Ends, Protocol):
    """Plug point: a place where attempts run.

    A row handed in is one of ``job``. `submit`, `poll`, `reconcile`, `bury` and `amend` are called
    by the scheduler's thread alone, the others by any; none may wait for another machine.
    """

    @property
    def name(self) -> str:
        """How settings and rows of jobs call it."""

    @property
    def site(self) -> Site:
        """How run folders are written for it."""

    def start(self, wake: Callable[[], None]) -> None:
        """Begin to look after attempts; `wake` is called when `poll` has something to tell."""

    def stop(self) -> None:
        """Look after nothing any more; attempts that run go on."""

    def submit(self, job: sqlite3.Row, start: Start) -> None:
        """Let an attempt that is written down as ``starting`` run, at once or later.

        Raises
        ------
        JobError
            If it can never start; the job fails.
        """

    def poll(self) -> list[int]:
        """Give the ids of jobs whose attempt has ended since the last call."""

    def cancel(self, job: sqlite3.Row) -> None:
        """End a live attempt; its row carries who asked. Asked for again, it hurts nothing."""

    def suspend(self, job: sqlite3.Row) -> None:
        """Stop the processes of a live attempt, whose row says so already."""

    def resume(self, job: sqlite3.Row) -> None:
        """Let the processes of a live attempt go on."""

    def reconcile(self) -> None:
        """Bring the rows of all its live jobs in line with the truth, as after a restart."""

    def room(self) -> int:
        """Tell how many more attempts it takes now."""

    def take_back(self, job: sqlite3.Row) -> bool:
        """Keep an attempt that is ``starting`` from ever running; False when it cannot."""

    def problem(self) -> str:
        """Say why nothing can be started there now; empty when all is well."""


class Waiter(Adapter, Protocol):
    """The adapter in whose watch the scheduler's thread sleeps."""

    def wait(self, seconds: float) -> list[int]:
        """Do as `poll` does, but wait for something to tell, or for `wake`."""

    def wake(self) -> None:
        """Let `wait` return; any thread may call this."""


class Adapters:
    """All adapters of one appliance.

    Parameters
    ----------
    local : Waiter
        This machine.
    others : sequence of Adapter
        Other places, each by a name of its own.
    """

    def __init__(self, local: Waiter, others: Sequence[Adapter] = ()) -> None:
        self._local = local
        self._by_name: dict[str, Adapter] = {one.name: one for one in (local, *others)}

    def __iter__(self) -> Iterator[Adapter]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Adapter:
        """Give an adapter.

        Raises
        ------
        NotFound
            If the settings know none of this name.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(
                f"there is no adapter {name!r}", hint="Look at jobs.adapters in the settings."
            ) from None

    def of(self, job: sqlite3.Row) -> Adapter:
        """Give the adapter of a job."""
        return self.named(job["adapter"])

    def admitted(self, chosen: Iterable[_T], name_of: Callable[[_T], str]) -> Iterator[_T]:
        """Give those of the jobs chosen that their adapters have room for, in order."""
        room: dict[str, int] = {}
        for one in chosen:
            adapter = self._by_name.get(name_of(one))
            if adapter is None:
                continue
            left = room.setdefault(adapter.name, adapter.room())
            if left > 0:
                room[adapter.name] -= 1
                yield one

    def start(self) -> None:
        """Start all."""
        for one in self:
            one.start(self._local.wake)

    def stop(self) -> None:
        """Stop all."""
        for one in self:
            one.stop()

    def reconcile(self) -> None:
        """Let all look for attempts of an earlier life."""
        for one in self:
            one.reconcile()

    def wait(self, seconds: float) -> list[int]:
        """Wait for ends of attempts anywhere; give the ids of their jobs."""
        ended = self._local.wait(seconds)
        return ended + [job_id for one in self if one is not self._local for job_id in one.poll()]

    def wake(self) -> None:
        """Let `wait` return; any thread may call this."""
        self._local.wake()
