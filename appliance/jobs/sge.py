"""Sun Grid Engine and its heirs by their command line. Experimental: tested against stubs only."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from datetime import datetime

from appliance.core import JobError
from appliance.jobs.hosts import Host, HostDown, Said
from appliance.jobs.workload import Ask, Entry, Refused, Seen, Wait, read_mark

__all__ = ["Sge", "parse_qstat"]

_DOWN = re.compile("unable to contact|unable to send|timeout|got send error|commlib", re.IGNORECASE)
_LATER = re.compile("more than|limit|quota", re.IGNORECASE)
_GONE = re.compile("does not exist|unknown job|no such|already in deletion", re.IGNORECASE)
_ID = re.compile(r"[0-9]+")

_SCRIPT = """#!/bin/sh
(trap '' USR1 USR2; exec {command}) &
pid=$!
trap 'kill -TERM $pid' USR2
trap 'kill -TSTP $pid' USR1
trap 'kill -CONT $pid' CONT
while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done
exit $code
"""


class Sge:
    """The workload manager Grid Engine.

    Parameters
    ----------
    host : Host
        Where its commands are.
    options : sequence of str
        Further options of ``qsub``, such as ``-pe smp 1`` or ``-P project``.
    gres : str
        What a GPU is called as a resource.
    everyone : bool
        Whether the jobs of others are listed too.
    """

    def __init__(
        self, host: Host, *, options: Sequence[str] = (), gres: str = "gpu", everyone: bool = True
    ) -> None:
        self._host, self._options, self._gres = host, tuple(options), gres
        self._everyone = everyone

    def script(self, command: str) -> str:
        """Keep a shell before the supervisor, which turns the notices of ``-notify`` into ours."""
        return _SCRIPT.format(command=command)

    def submit(self, ask: Ask) -> str:
        """Submit by ``qsub -terse``; the script goes through its input."""
        said = self._host.run("qsub", *self._qsub(ask), given=ask.script)
        if said.code == 0 and (found := _ID.match(said.out.strip())):
            return found[0]
        _raise_if_down(said)
        if _LATER.search(said.err):
            raise Wait(said.why)
        raise Refused(f"Grid Engine refused it: {said.why}")

    def entries(self) -> list[Entry]:
        """List by one ``qstat``; a job that has ended is not in it."""
        said = self._host.run("qstat", "-xml", "-r", *(["-u", "*"] if self._everyone else []))
        if said.code:
            raise HostDown(f"qstat failed: {said.why}")
        return list(parse_qstat(said.out))

    def cancel(self, entries: Sequence[Entry], *, force: bool = False) -> None:  # noqa: ARG002
        """End jobs by ``qdel``; with ``-notify`` the supervisor hears of it before."""
        if entries:
            self._tell("qdel", *(entry.ref for entry in entries))

    def suspend(self, entry: Entry) -> None:
        """Stop by ``qmod``."""
        self._tell("qmod", "-sj", entry.ref)

    def resume(self, entry: Entry) -> None:
        """Let go on by ``qmod``."""
        self._tell("qmod", "-usj", entry.ref)

    def probe(self) -> str:
        """Ask for the release by ``qstat``."""
        said = self._host.run("qstat", "-help")
        _raise_if_down(said)
        lines = (said.out or said.err).splitlines()
        return lines[0].strip() if lines else "Grid Engine"

    def shell(self, line: str) -> Said:
        """Run a line of shell on the submit host."""
        return self._host.shell(line)

    def close(self) -> None:
        """Let go of the submit host."""
        self._host.close()

    def _qsub(self, ask: Ask) -> list[str]:
        need = ask.resources
        options = ["-terse", "-N", ask.mark, "-r", "n", "-notify", "-S", "/bin/sh", "-j", "y"]
        options += ["-wd", ask.folder, "-o", f"{ask.folder}/cluster.out"]
        options += ["-l", f"h_vmem={need.memory_mb}M"]
        if need.cpus > 1:
            options += ["-pe", "smp", str(need.cpus)]
        if need.walltime_s:
            options += ["-l", f"h_rt={need.walltime_s + 60}"]
        if need.gpus:
            options += ["-l", f"{self._gres}={need.gpus}"]
        if ask.partition:
            options += ["-q", ask.partition]
        if ask.priority < 0:
            options += ["-p", str(max(-1023, ask.priority))]
        return [*options, *self._options]

    def _tell(self, *command: str) -> None:
        said = self._host.run(*command)
        if said.code == 0 or _GONE.search(said.err + said.out):
            return
        _raise_if_down(said)
        raise JobError(f"{command[0]}: {said.why}")


def parse_qstat(text: str) -> Iterator[Entry]:
    """Read the XML of ``qstat -r``.

    Raises
    ------
    HostDown
        If it is none.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314 - what our own scheduler says
    except ET.ParseError as error:
        raise HostDown("qstat did not answer with XML") from error
    for job in root.iter("job_list"):
        yield _entry(job)


def _entry(job: ET.Element) -> Entry:
    def text(name: str) -> str:
        return (job.findtext(name) or "").strip()

    letters = text("state")
    name = text("full_job_name") or text("JB_name")
    return Entry(
        ref=text("JB_job_number"),
        mark=name if read_mark(name) else "",
        seen=_seen(letters),
        state=letters,
        reason="error state" if "E" in letters else "held" if "h" in letters else "",
        partition=text("queue_name").partition("@")[0],
        user=text("JB_owner"),
        name=name,
        node=text("queue_name").partition("@")[2],
        cpus=int(text("slots") or 1),
        submitted_at=_ms(text("JB_submission_time")),
        started_at=_ms(text("JAT_start_time")),
    )


def _seen(letters: str) -> Seen:
    if any(letter in letters for letter in "sST"):
        return Seen.SUSPENDED
    return Seen.RUNNING if "r" in letters or "t" in letters else Seen.PENDING


def _ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        return 0


def _raise_if_down(said: Said) -> None:
    if said.code and _DOWN.search(said.err):
        raise HostDown(f"Grid Engine does not answer: {said.why}")
