"""Slurm by its command line: five commands, in forms that every release understands."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence

from appliance.core import JobError
from appliance.jobs.hosts import Host, HostDown, Said
from appliance.jobs.workload import Ask, Entry, Refused, Seen, Wait, read_mark

__all__ = ["Slurm", "parse_queue"]

_FIELDS = ["%A", "%i", "%T", "%P", "%C", "%m", "%b", "%u", "%V", "%S", "%N", "%r", "%j", "%k"]
_BETWEEN = "\x1f"
_PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
_RUNNING = {"RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "RESIZING"}
_SUSPENDED = {"SUSPENDED", "STOPPED"}
_DOWN = re.compile(
    "unable to contact|connect failure|connection refused|timed out|zero bytes were transmitted"
    "|communication connection|socket|slurm_receive_msg|is disabled|try again|in startup"
    "|protocol authentication|munge",
    re.IGNORECASE,
)
_LATER = re.compile(
    "temporarily unavailable|submitjob|submit limit|job submit limit|maximum number of jobs"
    "|slurm temporarily unable|partition.*(down|drain)|violates accounting/qos policy",
    re.IGNORECASE,
)
_GONE = re.compile("invalid job id|already completing or completed|job is no longer", re.IGNORECASE)
_NOT_ALLOWED = re.compile("access/permission denied|not permitted|disabled", re.IGNORECASE)


class Slurm:
    """The workload manager Slurm.

    Parameters
    ----------
    host : Host
        Where its commands are.
    options : sequence of str
        Further options of ``sbatch``.
    gres : str
        What a GPU is called.
    everyone : bool
        Whether the jobs of others are listed too.
    """

    def __init__(
        self, host: Host, *, options: Sequence[str] = (), gres: str = "gpu", everyone: bool = True
    ) -> None:
        self._host, self._options, self._gres = host, tuple(options), gres
        self._everyone = everyone

    def script(self, command: str) -> str:
        """Become the supervisor: Slurm's signals reach it directly."""
        return f"#!/bin/sh\nexec {command}\n"

    def submit(self, ask: Ask) -> str:
        """Submit by ``sbatch``; the script goes through its input."""
        said = self._host.run("sbatch", *self._sbatch(ask), given=ask.script)
        if said.code == 0:
            return said.out.strip().splitlines()[-1].partition(";")[0]
        _raise_if_down(said)
        if _LATER.search(said.err):
            raise Wait(said.why)
        raise Refused(f"Slurm refused it: {said.why}")

    def entries(self) -> list[Entry]:
        """List by one ``squeue``."""
        command = ["squeue", "-h", "-t", "all", "-o", _BETWEEN.join(_FIELDS)]
        if not self._everyone:
            command.append("--me")
        said = self._host.run(*command, variables={"SLURM_TIME_FORMAT": "%s"})
        if said.code:
            _raise_if_down(said)
            raise HostDown(f"squeue failed: {said.why}")
        return list(parse_queue(said.out))

    def cancel(self, entries: Sequence[Entry], *, force: bool = False) -> None:
        """End jobs by ``scancel``, by id and name: an id may be given to another job later.

        Without `force` the signal goes to the supervisor alone, which ends its tree in order.
        """
        for entry in entries:
            runs = entry.seen is Seen.RUNNING and not force
            gentle = ["--batch", "--signal=TERM"] if runs else []
            self._tell("scancel", *gentle, f"--name={entry.mark}", entry.ref)

    def suspend(self, entry: Entry) -> None:
        """Stop by ``scontrol``; where that takes an operator, by a signal to the supervisor."""
        with contextlib.suppress(_Denied):
            self._tell("scontrol", "suspend", entry.ref)
            return
        self._tell("scancel", "--batch", "--signal=TSTP", f"--name={entry.mark}", entry.ref)

    def resume(self, entry: Entry) -> None:
        """Undo either way of `suspend`."""
        if entry.seen is Seen.SUSPENDED:
            self._tell("scontrol", "resume", entry.ref)
        else:
            self._tell("scancel", "--batch", "--signal=CONT", f"--name={entry.mark}", entry.ref)

    def probe(self) -> str:
        """Ask for release and partitions by ``sinfo``."""
        said = self._host.run("sinfo", "-h", "-o", "%P %a %D")
        if said.code:
            _raise_if_down(said)
            raise HostDown(f"sinfo failed: {said.why}")
        release = self._host.run("sinfo", "--version").out.strip()
        found = [line.split() for line in said.out.splitlines() if len(line.split()) == 3]
        parts = ", ".join(f"{name.rstrip('*')} ({state}, {nodes})" for name, state, nodes in found)
        return f"{release}; partitions: {parts or 'none'}"

    def shell(self, line: str) -> Said:
        """Run a line of shell on the submit host."""
        return self._host.shell(line)

    def close(self) -> None:
        """Let go of the submit host."""
        self._host.close()

    def _sbatch(self, ask: Ask) -> list[str]:
        need = ask.resources
        options = ["--parsable", "--no-requeue", f"--job-name={ask.mark}", f"--comment={ask.mark}"]
        options += [f"--chdir={ask.folder}", f"--output={ask.folder}/cluster.out"]
        options += ["--ntasks=1", f"--cpus-per-task={need.cpus}", f"--mem={need.memory_mb}M"]
        options += ["--kill-on-invalid-dep=yes", "--open-mode=append"]
        if need.walltime_s:
            options.append(f"--time={-(-need.walltime_s // 60)}")
        if need.gpus:
            options.append(f"--gres={self._gres}:{need.gpus}")
        if ask.partition:
            options.append(f"--partition={ask.partition}")
        if ask.priority < 0:
            options.append(f"--nice={-ask.priority}")
        return [*options, *self._options]

    def _tell(self, *command: str) -> None:
        """Run a command about a job; that the job has ended meanwhile is no failure."""
        said = self._host.run(*command)
        if said.code == 0 or _GONE.search(said.err):
            return
        _raise_if_down(said)
        if _NOT_ALLOWED.search(said.err):
            raise _Denied(said.why)
        raise JobError(f"{command[0]}: {said.why}")


class _Denied(JobError):
    """It takes more rights."""


def parse_queue(text: str) -> Iterator[Entry]:
    """Read what ``squeue`` lists; lines that it did not write, such as of a comment, are left out.

    A job of ours is known by its name, else by its comment: either may be changed by a site.
    """
    for line in text.splitlines():
        parts = line.split(_BETWEEN)
        if len(parts) == len(_FIELDS):
            yield _entry(dict(zip(_FIELDS, parts, strict=True)))


def _entry(of: dict[str, str]) -> Entry:
    state = of["%T"]
    name, comment = of["%j"], of["%k"]
    is_array = "_" in of["%i"]
    return Entry(
        ref=of["%i"] if is_array else of["%A"],
        mark=name if read_mark(name) else comment if read_mark(comment) else "",
        seen=_seen(state),
        state=state,
        reason="" if of["%r"] == "None" else of["%r"],
        partition=of["%P"],
        user=of["%u"],
        name=name,
        node=of["%N"],
        cpus=_number(of["%C"]),
        memory_mb=_mebibytes(of["%m"]),
        gpus=_gpus(of["%b"]),
        submitted_at=_number(of["%V"]) * 1000,
        started_at=_number(of["%S"]) * 1000,
    )


def _seen(state: str) -> Seen:
    for states, seen in (
        (_PENDING, Seen.PENDING),
        (_RUNNING, Seen.RUNNING),
        (_SUSPENDED, Seen.SUSPENDED),
    ):
        if state in states:
            return seen
    return Seen.ENDED


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _mebibytes(text: str) -> int:
    found = re.match(r"([0-9.]+)([KMGT]?)", text)
    if not found:
        return 0
    factor = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}[found[2]]
    return int(float(found[1]) * factor)


def _gpus(text: str) -> int:
    counts = re.findall(r"(?:gres[/:])?gpu(?::[a-zA-Z][^:,]*)?(?::([0-9]+))?", text)
    return sum(int(count or 1) for count in counts)


def _raise_if_down(said: Said) -> None:
    if _DOWN.search(said.err):
        raise HostDown(f"Slurm does not answer: {said.why}")
