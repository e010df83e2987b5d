"""What one attempt on a cluster needs next, from its row, its run folder and the cluster's list."""

from __future__ import annotations

import shlex
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core import JobError
from appliance.jobs.attempts import is_from_outside, poison, read_claim, read_exit
from appliance.jobs.carrying import Carriers
from appliance.jobs.clusterrows import mark_running_there, note, refuse
from appliance.jobs.crash import crash_point
from appliance.jobs.hosts import HostDown
from appliance.jobs.states import State
from appliance.jobs.structs import Resources
from appliance.jobs.workload import Ask, Entry, Refused, Seen, Wait, Workload, mark_of

if TYPE_CHECKING:
    from appliance.jobs.cluster import ClusterAdapter

__all__ = ["Tender"]

_CANCEL_AGAIN_S = 30.0
# Slurm takes two seconds to stop a job; until it goes on again, its other signals are lost.
_WAKES_WITHIN_S = 3.0


class Tender:
    """Looks after the attempts of one adapter, one at a time; used by its thread alone.

    Parameters
    ----------
    adapter : ClusterAdapter
        Whose attempts they are.
    workload : Workload
        The cluster's commands.
    command : sequence of str
        Starts the supervisor there; the run folder is added.
    carriers : Carriers
        What carries groups of attempts.
    """

    def __init__(
        self,
        adapter: ClusterAdapter,
        workload: Workload,
        command: Sequence[str],
        carriers: Carriers,
    ) -> None:
        self._adapter, self._workload, self._command = adapter, workload, tuple(command)
        self._carriers = carriers
        self._gone: dict[tuple[int, int], float] = {}
        self._cancelled: dict[tuple[int, int], float] = {}
        self._woken: dict[tuple[int, int], float] = {}

    def tend(self, row: sqlite3.Row, found: Sequence[Entry] | None, *, may_send: bool) -> bool:
        """Do what is missing.

        Parameters
        ----------
        found : sequence of Entry or None
            What the cluster lists for the attempt; None when it does not answer.
        may_send : bool
            Whether it may be handed over now.

        Returns
        -------
        bool
            Whether it was handed over.
        """
        folder = Path(row["run_dir"])
        alive = [one for one in found or () if one.seen is not Seen.ENDED]
        end = read_exit(folder)
        if end is not None:
            unclear = not row["cancel_by"] and is_from_outside(end) and self._may_be_told(row)
            if not (unclear and alive) or self._is_settled(row):  # whose signal it was, comes later
                self._forget(row)
                self._adapter.tell_ended(row)
            return False
        if found is None:
            self._wait_for_answer(row)
            return False
        if alive:
            self._gone.pop((row["id"], row["n"]), None)
            self._look_after(row, folder, alive)
            return False
        return self._miss(row, folder, found, may_send=may_send)

    def _may_be_told(self, row: sqlite3.Row) -> bool:
        """Tell whether the cluster may say more of an end: not while a carrier goes on."""
        return not row["carrier"] or self._carriers.is_ending(row)

    # -- it is there ---------------------------------------------------------------------------
    def _look_after(self, row: sqlite3.Row, folder: Path, alive: Sequence[Entry]) -> None:
        entry, *doubles = sorted(alive, key=lambda one: one.seen is Seen.PENDING)
        if doubles:  # of an order that was given twice; only one of them gets the claim
            self._workload.cancel(doubles)
        claim = read_claim(folder)
        if claim is None and self._is_passenger(row) and not row["backend_ref"]:
            self._announce(row, folder, row["carrier"])  # a crash came between
        if row["cancel_by"] or (claim or {}).get("poisoned"):
            self._cancel(row, folder, entry)
            return
        if claim is not None and row["state"] == State.STARTING:
            self._adapter.catalog.write(lambda tx: mark_running_there(tx, row, claim, entry.node))
            crash_point("running_committed")
        elif row["state"] == State.STARTING:
            self._note(row, entry.ref, why=_waiting(self._adapter.name, entry))
        else:
            self._keep_wish(row, entry)
        if row["backend_ref"] != entry.ref:
            self._note(row, entry.ref)

    def _cancel(self, row: sqlite3.Row, folder: Path, entry: Entry) -> None:
        """End it; before it began there is nothing to wait for, later its supervisor needs time."""
        mark = (row["id"], row["n"])
        if poison(folder) or (read_claim(folder) or {}).get("poisoned"):
            self._forget(row)
            self._adapter.give_back(row)
            if not row["carrier"]:  # one that nobody needs any more is closed
                self._workload.cancel([entry])
        elif time.monotonic() - self._cancelled.get(mark, float("-inf")) > _CANCEL_AGAIN_S:
            if row["carrier"]:
                self._carriers.wish(row, signal.SIGTERM)
            elif self._is_waking(mark, entry):
                return
            else:
                self._workload.cancel([entry], force=mark in self._cancelled)
            self._cancelled[mark] = time.monotonic()

    def _is_waking(self, mark: tuple[int, int], entry: Entry) -> bool:
        """Let a suspended one go on, once, so that it hears that it shall end.

        What a cluster has stopped gets no other signal than SIGKILL, and that leaves no word of it.
        """
        if mark not in self._woken and entry.seen is Seen.SUSPENDED:
            try:
                self._workload.resume(entry)
                self._woken[mark] = time.monotonic()
            except HostDown:
                raise
            except JobError:  # the site does not let us: it is killed
                self._woken[mark] = float("-inf")
        return time.monotonic() - self._woken.get(mark, float("-inf")) < _WAKES_WITHIN_S

    def _keep_wish(self, row: sqlite3.Row, entry: Entry) -> None:
        """Suspend or resume what a person wants so; what the cluster suspends is left alone."""
        wanted, paused = row["state"] == State.SUSPENDED, bool(row["paused"])
        if wanted and not paused:
            if row["carrier"]:
                self._carriers.wish(row, signal.SIGTSTP)
            elif entry.seen is Seen.RUNNING:
                self._workload.suspend(entry)
                self._woken.pop((row["id"], row["n"]), None)
            self._note(row, entry.ref, paused=1)
        elif not wanted and paused:
            if row["carrier"]:
                self._carriers.wish(row, signal.SIGCONT)
            else:
                self._workload.resume(entry)
                self._woken[row["id"], row["n"]] = time.monotonic()
            self._note(row, entry.ref, paused=0)
        elif not wanted:
            stopped = f"suspended by {self._adapter.name}"
            if entry.seen is Seen.SUSPENDED:
                self._note(row, entry.ref, why=stopped)
            elif row["why"] == stopped:
                self._note(row, entry.ref, why="")

    # -- it is not there -----------------------------------------------------------------------
    def _miss(
        self, row: sqlite3.Row, folder: Path, ended: Sequence[Entry], *, may_send: bool
    ) -> bool:
        claim = read_claim(folder)
        if claim is not None and claim.get("poisoned"):
            self._adapter.give_back(row)
        elif claim is None and not row["backend_ref"] and not ended:
            if row["cancel_by"]:
                self._take_back(row, folder)
            elif may_send:
                return self._hand_over(row, folder)
        elif self._is_passenger(row) and claim is None and poison(folder):
            self._adapter.give_back(row)  # its carrier ended before it began
        elif self._is_settled(row):
            self._forget(row)
            if claim is not None:
                self._adapter.tell_ended(row)
            elif poison(folder):
                self._vanished(row, folder, ended)
        return False

    def _take_back(self, row: sqlite3.Row, folder: Path) -> None:
        if poison(folder):
            self._adapter.give_back(row)

    def _is_passenger(self, row: sqlite3.Row) -> bool:
        """Tell whether an attempt is carried by the job of another one."""
        return row["carrier"] not in (None, mark_of(row["key"], row["n"]))

    def _hand_over(self, row: sqlite3.Row, folder: Path) -> bool:
        """Submit it; or, in a group, tell the carrier which runs for it already."""
        if not row["grouped"]:
            return self._send(row, folder, self._alone(row, folder))
        carrier = self._carriers.choose(row)
        if carrier != row["carrier"]:
            self._adapter.catalog.write(lambda tx: note(tx, row, carrier=carrier))
        if carrier == mark_of(row["key"], row["n"]):
            return self._send(row, folder, self._as_carrier(row, folder))
        self._announce(row, folder, carrier)
        return False

    def _announce(self, row: sqlite3.Row, folder: Path, carrier: str) -> None:
        crash_point("before_announce")
        ref = self._carriers.announce(row, carrier, folder)
        crash_point("announced")
        self._note(row, ref or carrier, why=f"handed to {self._adapter.name}")

    def _alone(self, row: sqlite3.Row, folder: Path) -> Ask:
        need = Resources(row["cpus"], row["memory_mb"], row["gpus"], row["walltime_s"])
        return self._ask(row, folder, [*self._command, self._there(folder)], need)

    def _as_carrier(self, row: sqlite3.Row, folder: Path) -> Ask:
        command = self._carriers.command(self._there(folder))
        return self._ask(row, folder, command, self._carriers.need(row))

    def _there(self, folder: Path) -> str:
        return self._adapter.site.paths.there(folder)

    def _ask(self, row: sqlite3.Row, folder: Path, command: Sequence[str], need: Resources) -> Ask:
        return Ask(
            mark=mark_of(row["key"], row["n"]),
            script=self._workload.script(shlex.join(command)),
            folder=self._there(folder),
            partition=self._adapter.settings.queues.get(row["queue"], ""),
            resources=need,
            priority=row["priority"],
        )

    def _send(self, row: sqlite3.Row, folder: Path, ask: Ask) -> bool:
        crash_point("before_submit")
        try:
            ref = self._workload.submit(ask)
        except Wait as error:
            self._note(row, None, why=f"waits: {error.message}")
            return False
        except HostDown:
            raise
        except (Refused, JobError) as error:
            self._refuse(row, folder, error)
            return False
        crash_point("submitted")
        self._note(row, ref, why=f"handed to {self._adapter.name}")
        crash_point("submitted_committed")
        return True

    def _refuse(self, row: sqlite3.Row, folder: Path, error: JobError) -> None:
        if poison(folder):
            why = f"could not be started: {error.message}"
            self._adapter.catalog.write(
                lambda tx: refuse(tx, row, State.FAILED, why, "cannot_start")
            )

    def _vanished(self, row: sqlite3.Row, folder: Path, ended: Sequence[Entry]) -> None:
        """End a job that the cluster took and then lost, or ended before it began."""
        state, failure = State.LOST, "lost"
        why = f"{self._adapter.name} lost it before it began: retry it"
        if row["cancel_by"]:
            state, failure, why = State.CANCELLED, "cancelled", f"cancelled by {row['cancel_by']}"
        elif any(one.state.startswith("CANCELLED") for one in ended):
            state, failure = State.CANCELLED, "cancelled"
            why = f"cancelled at {self._adapter.name}"
        elif any(one.state == "FAILED" for one in ended):
            state, failure = State.FAILED, "cannot_start"
            why = f"its supervisor could not start there: {_tail(folder / 'cluster.out')}"
        self._adapter.catalog.write(lambda tx: refuse(tx, row, state, why, failure))

    def _wait_for_answer(self, row: sqlite3.Row) -> None:
        self._gone.pop((row["id"], row["n"]), None)
        if row["state"] == State.STARTING:
            self._note(row, row["backend_ref"], why=f"waits: {self._adapter.problem()}")

    def _is_settled(self, row: sqlite3.Row) -> bool:
        """Tell whether something has been so for long enough that a slow disk would show more."""
        began = self._gone.setdefault((row["id"], row["n"]), time.monotonic())
        return time.monotonic() - began >= self._adapter.settings.settle_s

    def _forget(self, row: sqlite3.Row) -> None:
        self._gone.pop((row["id"], row["n"]), None)
        self._cancelled.pop((row["id"], row["n"]), None)
        self._woken.pop((row["id"], row["n"]), None)

    def _note(self, row: sqlite3.Row, ref: str | None, **facts: Any) -> None:
        if ref != row["backend_ref"]:
            facts["backend_ref"] = ref
        if facts.get("why", "") == row["why"] and facts.keys() == {"why"}:
            return
        if facts:
            self._adapter.catalog.write(lambda tx: note(tx, row, **facts))


def _waiting(name: str, entry: Entry) -> str:
    if entry.seen is Seen.PENDING:
        return f"waits at {name}{f': {entry.reason}' if entry.reason else ''}"
    return f"starts at {name}"


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "see the cluster"
    return lines[-1][:200] if lines else "it left no word"
