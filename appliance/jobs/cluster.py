"""The adapter for clusters: hands attempts to a workload manager and looks after them there.

One thread of its own does all that may wait for the cluster. It compares what the tables say with
one listing of the cluster's queue and with the run folders, and does what is missing; it keeps
nothing that a restart could lose. How a job ended is read from its run folder, never asked for.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from appliance.catalog import Catalog, Tx
from appliance.core import AdapterSettings, JobError
from appliance.jobs.attempts import Exit, Loss, is_from_outside, poison
from appliance.jobs.carrying import Carriers, Mark
from appliance.jobs.clusterrows import carrier_of, find_keys, live_attempts
from appliance.jobs.finish import attempt_folder, job_by_id
from appliance.jobs.hosts import HostDown
from appliance.jobs.launch import Start
from appliance.jobs.probing import Finding, examine
from appliance.jobs.reconcile import requeue_unstarted
from appliance.jobs.sites import Site
from appliance.jobs.states import LIVE
from appliance.jobs.tending import Tender
from appliance.jobs.workload import Entry, Seen, Workload, read_mark

__all__ = ["ClusterAdapter"]

_LOG = logging.getLogger(__name__)
_IDLE_S, _WATCHED_S, _ORPHAN_S = 30.0, 60.0, 10.0
_SENT_AT_ONCE, _STOP_S = 50, 5.0
_IN_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))
_ENDS: Mapping[str, tuple[str, str]] = {
    "TIMEOUT": ("timeout", "the cluster ended it at its time limit: raise it and retry"),
    "OUT_OF_MEMORY": ("memory", "ran out of memory on the cluster: ask for more and retry"),
    "NODE_FAIL": ("lost", "its node failed: retry it"),
    "BOOT_FAIL": ("lost", "its node did not start: retry it"),
    "PREEMPTED": ("lost", "the cluster ended it to make room for others: retry it"),
    "DEADLINE": ("timeout", "the cluster ended it at its deadline"),
}


class ClusterAdapter:
    """Runs attempts on a cluster.

    Parameters
    ----------
    name : str
        How settings and rows of jobs call it.
    workload : Workload
        Its commands.
    settings : AdapterSettings
    catalog : Catalog
        Where attempts are written down.
    site : Site
        How run folders are written for it.
    command : sequence of str
        Starts the supervisor there; the run folder is added.
    carrier : str
        Program there that carries groups of attempts.
    home : Path
        Folder of all run folders, here.
    """

    def __init__(
        self,
        name: str,
        workload: Workload,
        settings: AdapterSettings,
        catalog: Catalog,
        *,
        site: Site,
        command: Sequence[str],
        carrier: str,
        home: Path,
    ) -> None:
        self.name, self.site, self.settings, self.home = name, site, settings, home
        self._workload, self._catalog = workload, catalog
        self._command = tuple(command)
        self._carriers = Carriers(self, command, carrier)
        self._tender = Tender(self, workload, command, self._carriers)
        self._known: set[tuple[int, int]] = set()
        self._told: set[tuple[int, int]] = set()
        self._ended: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self._orphans: dict[str, float] = {}
        self._entries: Sequence[Entry] = ()
        self._problem = ""
        self._looked_at = float("-inf")
        self._watched_at = float("-inf")
        self._wake: Callable[[], None] = lambda: None
        self._nudge, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    # -- what the scheduler asks ---------------------------------------------------------------
    def start(self, wake: Callable[[], None]) -> None:
        """Start the thread."""
        self._wake = wake
        self._stopping.clear()
        self._thread = threading.Thread(target=self._loop, name=f"jobs-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; what it asks the cluster just now is not waited for for ever."""
        self._stopping.set()
        self._nudge.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)
            self._thread = None

    def room(self) -> int:
        """Tell how many more attempts may be handed over."""
        with self._catalog.read() as con:
            (there,) = con.execute(
                f"SELECT count(*) FROM job WHERE adapter = ? AND state IN ({_IN_LIVE})",
                (self.name,),
            ).fetchone()
        return max(0, self.settings.max_jobs - int(there))

    def submit(self, job: sqlite3.Row, start: Start) -> None:
        """Let the thread hand over an attempt whose run folder is made."""
        self._known.add((job["id"], start.attempt))
        self._nudge.set()

    def poll(self) -> list[int]:
        """Give the jobs whose attempt has ended; one of an earlier attempt tells nothing."""
        ended: list[int] = []
        while not self._ended.empty():
            job_id, n = self._ended.get_nowait()
            with self._catalog.read() as con:
                row = con.execute("SELECT attempt, state FROM job WHERE id = ?", (job_id,))
                now = row.fetchone()
            if now is not None and now["attempt"] == n and now["state"] in LIVE:
                ended.append(job_id)
        return ended

    def cancel(self, job: sqlite3.Row) -> None:  # noqa: ARG002 - its row says so
        """Let the thread see it."""
        self._nudge.set()

    suspend = resume = cancel

    def take_back(self, job: sqlite3.Row) -> bool:
        """Keep an attempt that still waits there from ever running; False when it runs."""
        with self._catalog.read() as con:
            taken = poison(attempt_folder(con, job))
        self._nudge.set()
        return taken

    def reconcile(self) -> None:
        """Find attempts of an earlier life; those whose folder was not complete never ran."""
        for row in live_attempts(self._catalog, self.name):
            if (row["id"], row["n"]) in self._known:
                continue
            folder = Path(row["run_dir"])
            if not (folder / "spec.json").exists() and poison(folder):
                self.give_back(row)
            else:
                self._known.add((row["id"], row["n"]))
        self._told.clear()
        self._nudge.set()

    def bury(self, job: sqlite3.Row, folder: Path) -> Loss:  # noqa: ARG002 - the protocol's
        """Say why an attempt is lost; what is left of it there is ended by the thread."""
        if (state := self._state_of(job)) in _ENDS:
            failure, why = _ENDS[state]
            return Loss(why, failure)
        if state.startswith("CANCELLED"):
            return Loss(f"cancelled at {self.name}", "cancelled")
        return Loss(f"{self.name} knows it no more and it left no result: retry it")

    def amend(self, job: sqlite3.Row, end: Exit) -> Exit:
        """Tell whose signal ended an attempt: its supervisor only knows that it came."""
        if not is_from_outside(end):
            return end
        if job["cancel_by"]:
            return msgspec.structs.replace(end, why="cancelled")
        state = self._state_of(job)
        if state in _ENDS:
            return msgspec.structs.replace(end, why=_ENDS[state][0])
        if state.startswith("CANCELLED"):
            return msgspec.structs.replace(end, why="cancelled")
        return end

    def _state_of(self, job: sqlite3.Row) -> str:
        """Give what the cluster said last about the attempt of a job."""
        mark = carrier_of(self._catalog, job) or (job["key"], job["attempt"])
        return next((one.state for one in self._entries if read_mark(one.mark) == mark), "")

    def problem(self) -> str:
        """Say why the cluster does not answer."""
        return self._problem

    # -- what others ask -----------------------------------------------------------------------
    def probe(self) -> str:
        """Ask the cluster, now, what it is, and its submit host whether it could run jobs.

        Raises
        ------
        JobError
            If something is missing, with what to do.
        """
        found = self.examine()
        for one in found:
            if not one.ok:
                raise JobError(one.text, hint=one.hint)
        return "; ".join(one.text for one in found)

    def examine(self) -> list[Finding]:
        """Look, now, at all that a job needs there, step by step."""
        return examine(self, self._workload, self._command)

    def check(self) -> str:
        """Say what is wrong with the cluster; ask it when nothing was heard for a while."""
        if time.monotonic() - self._looked_at < _WATCHED_S:
            return self._problem
        try:
            self.probe()
        except JobError as error:
            return " ".join(filter(None, (error.message + ".", error.hint)))
        return ""

    def list_now(self) -> list[Entry]:
        """Ask the cluster, now, for all its jobs."""
        return list(self._workload.entries())

    def foreign(self) -> list[Entry]:
        """Give the jobs there that are not of our making, as of the last look."""
        if not self.settings.foreign:
            return []
        self._watched_at = time.monotonic()
        if time.monotonic() - self._looked_at > self.settings.poll_s:
            self._nudge.set()
        return [one for one in self._entries if not one.mark and one.seen is not Seen.ENDED]

    # -- what the tender tells -----------------------------------------------------------------
    @property
    def catalog(self) -> Catalog:
        """Where attempts are written down."""
        return self._catalog

    def tell_ended(self, row: sqlite3.Row) -> None:
        """Let the scheduler record the end of an attempt."""
        mark = (row["id"], row["n"])
        if mark not in self._told:
            self._told.add(mark)
            self._ended.put(mark)
            self._wake()

    def give_back(self, row: sqlite3.Row) -> None:
        """Queue a job again, or cancel it, whose attempt never ran and now never can."""

        def write(tx: Tx) -> None:
            if job_by_id(tx.con, row["id"])["attempt"] == row["n"]:
                requeue_unstarted(tx, row["id"], "taken back before it began")

        self._catalog.write(write)
        self._wake()

    # -- the thread ----------------------------------------------------------------------------
    def _loop(self) -> None:
        while not self._stopping.is_set():
            busy = True
            try:
                busy = self._round()
            except Exception:  # noqa: BLE001 - an outer loop
                _LOG.exception("the adapter %s stumbled; it goes on", self.name)
            watched = time.monotonic() - self._watched_at < _WATCHED_S
            pause = self.settings.poll_s if busy or watched else _IDLE_S
            self._stopping.wait(min(0.25, self.settings.poll_s / 4))  # several nudges, one look
            self._nudge.wait(pause)
            self._nudge.clear()
        self._workload.close()

    def _round(self) -> bool:
        """Look once at everything; tell whether there is something to look after."""
        rows = live_attempts(self._catalog, self.name)
        watched = time.monotonic() - self._watched_at < _WATCHED_S
        if not (rows or watched or self._orphans or self._carriers.open):
            return False
        entries = self._look()
        mine: dict[Mark, list[Entry]] = {}
        for entry in entries or ():
            if mark := read_mark(entry.mark):
                mine.setdefault(mark, []).append(entry)
        if entries is not None:
            self._carriers.look(mine, rows)
        sent = 0
        for row in rows:
            if self._stopping.is_set() or (row["id"], row["n"]) not in self._known:
                continue
            found = None if entries is None else mine.get(self._mark_of(row), [])
            sent += self._tend(row, found, may_send=sent < _SENT_AT_ONCE)
        if entries is not None:
            live = {self._mark_of(row) for row in rows}
            self._end_orphans(mine, live | self._carriers.dismiss(live))
        return bool(rows or self._carriers.open)

    @staticmethod
    def _mark_of(row: sqlite3.Row) -> Mark:
        """Give the name under which an attempt is on the cluster: its carrier's, or its own."""
        return read_mark(row["carrier"] or "") or (row["key"], row["n"])

    def _look(self) -> Sequence[Entry] | None:
        """List the cluster's queue; None when it does not answer."""
        try:
            self._entries = self._workload.entries()
        except JobError as error:
            self._set_problem(error.message)
            return None
        self._set_problem("")
        self._looked_at = time.monotonic()
        return self._entries

    def _set_problem(self, text: str) -> None:
        if text and not self._problem:
            _LOG.warning("adapter %s: %s", self.name, text)
        self._problem = text

    def _tend(self, row: sqlite3.Row, found: Sequence[Entry] | None, *, may_send: bool) -> bool:
        """Do what one attempt needs, whatever happened to the one before."""
        try:
            return self._tender.tend(row, found, may_send=may_send and not self._problem)
        except HostDown as error:
            self._set_problem(error.message)
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception("job %s at %s cannot be looked after", row["key"], self.name)
        return False

    def _end_orphans(self, mine: Mapping[Mark, Sequence[Entry]], live: set[Mark]) -> None:
        """End what is there under our name but no longer wanted; another appliance's stays."""
        loose = {
            entry.ref: (mark, entry)
            for mark, found in mine.items()
            for entry in found
            if mark not in live and entry.seen is not Seen.ENDED
        }
        ours = find_keys(self._catalog, {mark[0] for mark, _ in loose.values()})
        now = time.monotonic()
        since = {ref: self._orphans.get(ref, now) for ref, (m, _) in loose.items() if m[0] in ours}
        self._orphans = since
        for ref, began in since.items():
            entry = loose[ref][1]
            if entry.seen is Seen.PENDING or now - began > _ORPHAN_S:
                self._workload.cancel([entry], force=True)
