"""Runs commands of a scheduler of jobs: on this machine, or on a submit host through ssh."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from appliance.core import JobError

__all__ = ["Host", "HostDown", "Said"]

_SSH_FAILED = 255
_KEPT = ("HOME", "LANG", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "TZ", "USER")


class HostDown(JobError):
    """The scheduler does not answer, or not in time: nobody knows what became of an order."""


class Said(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def why(self) -> str:
        """The last line of the complaint, for people."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1].strip() if lines else f"ended with code {self.code}"


@dataclass(frozen=True)
class Host:
    """Where the commands are.

    Attributes
    ----------
    host : str
        Name for ssh; empty: this machine.
    ssh_config : str
        File for ``ssh -F``; empty: the user's own.
    programs : str
        Folder of the commands; empty: the search path.
    environment : mapping
        Variables for the commands.
    timeout_s : float
        Patience with one command.
    """

    host: str = ""
    ssh_config: str = ""
    programs: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0

    def run(
        self, *command: str, given: str = "", variables: Mapping[str, str] | None = None
    ) -> Said:
        """Run a command of the scheduler, `given` its input and further variables.

        Raises
        ------
        HostDown
            If it, or the host, does not answer in time.
        JobError
            If there is no such program.
        """
        argv = [self._program(command[0]), *command[1:]]
        extra = {**self.environment, **(variables or {})}
        if not self.host:
            return self._run(argv, given, extra)
        said = self._run(self._through_ssh(argv, extra), given, {})
        if said.code == _SSH_FAILED:
            raise HostDown(f"{self.host} cannot be reached: {said.why}")
        return said

    def shell(self, line: str) -> Said:
        """Run a line of shell there, of no program of the scheduler.

        Raises
        ------
        HostDown
            If the host does not answer in time.
        """
        return replace(self, programs="").run("sh", "-c", line)

    def close(self) -> None:
        """End the connection that is kept for the next command."""
        if self.host:
            with contextlib.suppress(JobError):
                self._run(["ssh", *self._ssh_options(), "-O", "exit", self.host], "", {})

    def _program(self, name: str) -> str:
        return str(Path(self.programs) / name) if self.programs else name

    def _through_ssh(self, argv: Sequence[str], extra: Mapping[str, str]) -> list[str]:
        line = shlex.join(["env", *(f"{n}={value}" for n, value in sorted(extra.items())), *argv])
        return ["ssh", *self._ssh_options(), "-T", self.host, line]

    def _ssh_options(self) -> list[str]:
        """Never ask, give up in time, and keep one connection for all commands."""
        options = ["-F", self.ssh_config] if self.ssh_config else []
        wait = max(1, int(self.timeout_s / 2))
        for option in (
            "BatchMode=yes",
            f"ConnectTimeout={wait}",
            "ControlMaster=auto",
            f"ControlPath={tempfile.gettempdir()}/nora-ssh-{os.getpid()}-%C",
            "ControlPersist=60",
        ):
            options += ["-o", option]
        return options

    def _run(self, argv: Sequence[str], given: str, environment: Mapping[str, str]) -> Said:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        try:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=kept | dict(environment),
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise JobError(
                f"{argv[0]} cannot be run: {error.strerror}",
                hint="Install the scheduler's commands, or name their folder in the settings.",
            ) from error
        with child:
            return self._talk(child, argv[0], given)

    def _talk(self, child: subprocess.Popen[str], name: str, given: str) -> Said:
        try:
            out, err = child.communicate(given, timeout=self.timeout_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            raise HostDown(
                f"{Path(name).name} did not answer within {self.timeout_s:g} s"
            ) from None
        return Said(child.returncode, out, err)
