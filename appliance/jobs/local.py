"""The adapter for this machine: supervisors are processes of ours, watched by their pidfd."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from appliance.catalog import Catalog
from appliance.core import JobError
from appliance.jobs.attemptrows import mark_running
from appliance.jobs.attempts import Exit, Loss, kill_strays, send_signal
from appliance.jobs.births import Births, Born
from appliance.jobs.crash import crash_point
from appliance.jobs.launch import Start, spawn
from appliance.jobs.reconcile import live_jobs, reconcile_job, why_lost
from appliance.jobs.routing import LOCAL
from appliance.jobs.shim import start_time
from appliance.jobs.sites import Site
from appliance.jobs.watch import Watcher

__all__ = ["LocalAdapter"]


class LocalAdapter:
    """Runs attempts on this machine.

    Parameters
    ----------
    catalog : Catalog
        Where attempts are written down.
    """

    name = LOCAL
    site = Site()

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._births = Births()
        self._watcher: Watcher | None = None

    def start(self, wake: Callable[[], None]) -> None:  # noqa: ARG002 - it is our own
        """Make the watcher."""
        self._watcher = Watcher()

    def stop(self) -> None:
        """Let go of all supervisors; they live on."""
        if self._watcher is not None:
            self._watcher.close()
            self._births.close()
            self._watcher = None

    def submit(self, job: sqlite3.Row, start: Start) -> None:
        """Start the supervisor, write it down, and watch it."""
        try:
            born, child = self._bear(start)
        except OSError as error:
            raise JobError(str(error)) from error
        if born is None:
            return  # the nursery died over it: `reconcile` finds out what came of it
        crash_point("spawned")
        began = start_time(born.pid) or 0
        cancel = self._catalog.write(lambda tx: mark_running(tx, job["id"], born.pid, began))
        crash_point("running_committed")
        if cancel:
            send_signal(born.pid, began, signal.SIGTERM)
        self._watched.add(job["id"], born.handle, child)

    def _bear(self, start: Start) -> tuple[Born | None, subprocess.Popen[bytes] | None]:
        """Let a supervisor be born: at once from the nursery, or as a child in its own scope."""
        need = start.plan.resources
        prefix = start.limits.prefix(start.key, start.attempt, need)
        if not prefix:
            return self._births.ask(start.folder), None
        child = spawn(start.folder, prefix)
        return Born(child.pid, os.pidfd_open(child.pid)), child

    def poll(self) -> list[int]:
        """Give the jobs whose supervisor has ended."""
        return self.wait(0)

    def wait(self, seconds: float) -> list[int]:
        """Give the jobs whose supervisor has ended, after a while."""
        return self._watched.wait(seconds)

    def wake(self) -> None:
        """Let `wait` return."""
        if self._watcher is not None:
            self._watcher.wake()

    def cancel(self, job: sqlite3.Row) -> None:
        """Ask the supervisor to end its tree."""
        self._signal(job, signal.SIGTERM)

    def suspend(self, job: sqlite3.Row) -> None:
        """Ask the supervisor to stop its tree."""
        self._signal(job, signal.SIGTSTP)

    def resume(self, job: sqlite3.Row) -> None:
        """Ask the supervisor to let its tree go on."""
        self._signal(job, signal.SIGCONT)

    def reconcile(self) -> None:
        """Adopt live supervisors, finish ended ones, and queue again what never ran."""
        for job in live_jobs(self._catalog, self.name):
            if job["id"] in self._watched:
                continue
            handle = reconcile_job(self._catalog, job, self)
            if handle is not None:
                self._watched.add(job["id"], handle)

    def bury(self, job: sqlite3.Row, folder: Path) -> Loss:
        """Kill what carries the mark of the attempt."""
        return Loss(why_lost(folder, kill_strays(job["key"], job["attempt"])))

    def amend(self, job: sqlite3.Row, end: Exit) -> Exit:  # noqa: ARG002 - it was our child
        """Give it as it is."""
        return end

    def room(self) -> int:
        """Give no limit: what the machine has is reckoned elsewhere."""
        return sys.maxsize

    def take_back(self, job: sqlite3.Row) -> bool:  # noqa: ARG002 - it starts at once
        """Do nothing."""
        return False

    def problem(self) -> str:
        """Give nothing: what is in the way here is known to the scheduler."""
        return ""

    @property
    def _watched(self) -> Watcher:
        assert self._watcher is not None, "started before use"  # noqa: S101
        return self._watcher

    def _signal(self, job: sqlite3.Row, number: signal.Signals) -> None:
        with self._catalog.read() as con:
            row = con.execute(
                "SELECT shim_pid, shim_start FROM attempt WHERE job_id = ? AND n = ?",
                (job["id"], job["attempt"]),
            ).fetchone()
        if row is not None:
            send_signal(row["shim_pid"], row["shim_start"], number)
