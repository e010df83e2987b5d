"""What a cluster adapter asks of a workload manager: the plug point for Slurm, SGE and others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from appliance.core import JobError
from appliance.jobs.hosts import Said
from appliance.jobs.structs import Resources

__all__ = ["Ask", "Entry", "Refused", "Seen", "Wait", "Workload", "mark_of", "read_mark"]

_MARK = re.compile(r"\Anora-([a-z0-9]+)-([0-9]+)\Z")


class Refused(JobError):
    """The workload manager will never take this job as it is."""


class Wait(JobError):
    """The workload manager takes no more jobs of ours at present."""


class Seen(StrEnum):
    """Where a workload manager has a job."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Ask(NamedTuple):
    """One attempt that is handed over.

    Attributes
    ----------
    mark : str
        Name of the attempt, by which it is found again.
    script : str
        Text of the batch script.
    folder : str
        Its run folder, as the cluster knows it.
    partition : str
        Where to; empty: the default.
    """

    mark: str
    script: str
    folder: str
    partition: str
    resources: Resources
    priority: int = 0


class Entry(NamedTuple):
    """One job as the workload manager shows it; times are ms UTC, 0 when unknown."""

    ref: str
    mark: str
    seen: Seen
    state: str
    reason: str = ""
    partition: str = ""
    user: str = ""
    name: str = ""
    node: str = ""
    cpus: int = 0
    memory_mb: int = 0
    gpus: int = 0
    submitted_at: int = 0
    started_at: int = 0


class Workload(Protocol):
    """Commands of a workload manager; all of them may wait for it, and raise `HostDown`."""

    def script(self, command: str) -> str:
        """Write a batch script that becomes a command, given as a line for a shell."""

    def submit(self, ask: Ask) -> str:
        """Hand an attempt over; give what the workload manager calls it.

        Raises
        ------
        Refused
            If it never takes it.
        Wait
            If it may take it later.
        """

    def entries(self) -> Sequence[Entry]:
        """List all jobs there, those that have just ended too, in one call."""

    def cancel(self, entries: Sequence[Entry], *, force: bool = False) -> None:
        """End jobs; those that wait vanish, the supervisors of others get SIGTERM, or more."""

    def suspend(self, entry: Entry) -> None:
        """Stop the processes of a running job."""

    def resume(self, entry: Entry) -> None:
        """Let them go on."""

    def probe(self) -> str:
        """Say in a line what answers, such as its version and partitions."""

    def shell(self, line: str) -> Said:
        """Run a line of shell where its commands are."""

    def close(self) -> None:
        """Let go of connections."""


def mark_of(key: str, attempt: int) -> str:
    """Name an attempt, for the workload manager."""
    return f"nora-{key}-{attempt}"


def read_mark(text: str) -> tuple[str, int] | None:
    """Read the key of a job and the number of its attempt; None when it is not of our making."""
    found = _MARK.match(text)
    return (found[1], int(found[2])) if found else None
