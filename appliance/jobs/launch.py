"""Starts one attempt: makes its run folder, writes what the shim needs, and starts the shim."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import atomic_write, fsync_dir
from appliance.jobs import shim
from appliance.jobs.boutiques import driver_script
from appliance.jobs.crash import crash_point
from appliance.jobs.limits import Limits
from appliance.jobs.outputs import snapshot
from appliance.jobs.plan import Plan
from appliance.jobs.progress import PROGRESS_NAME
from appliance.jobs.resolve import Resolved
from appliance.jobs.sandbox import Sandbox
from appliance.jobs.scripts import Script, precalled, script_for
from appliance.jobs.sites import Site
from appliance.jobs.tools import render_command

__all__ = ["Start", "job_environment", "prepare", "spawn"]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "NUMBA_NUM_THREADS",
)
_PRIVATE = ("NORA_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "LISTEN_", "WATCHDOG_", "INVOCATION")
_PATHS = ("FILE", "OUT", "PATHOUT")
_BUS = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_EARLY_SIGNALS = (signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT)


@dataclass(frozen=True)
class Start:
    """All that one attempt needs to start; `binds` are further folders it may write."""

    key: str
    attempt: int
    folder: Path
    plan: Plan
    resolved: Resolved
    gpus: Sequence[str]
    facts: Mapping[str, str]
    matlab: str
    sandbox: Sandbox
    limits: Limits = field(default_factory=Limits)
    binds: Sequence[Path] = ()
    site: Site = field(default_factory=Site)

    @property
    def folder_there(self) -> Path:
        """The run folder, as the place knows it."""
        return Path(self.site.paths.there(self.folder))

    @property
    def values_there(self) -> dict[str, list[str]]:
        """Values of the arguments, with paths as the place knows them."""
        files = {arg.id for arg in self.plan.args if arg.kind in _PATHS}
        there = self.site.paths.there
        return {
            name: [there(value) for value in values] if name in files else values
            for name, values in self.resolved.values.items()
        }


def prepare(start: Start) -> None:
    """Make the run folder with scripts and ``spec.json``, and the folders of the outputs.

    Raises
    ------
    OSError
        If the disk refuses.
    ApplianceError
        If nothing on this machine can run the job.
    """
    work = start.folder / "work"
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    start.folder.chmod(0o700)
    for output in start.resolved.outputs:
        folder = output.path if output.is_folder else output.path.parent
        folder.mkdir(parents=True, exist_ok=True)
    _write_json(
        start.folder / "before.json",
        snapshot(start.resolved.outputs),
        durable=bool(start.resolved.outputs),
    )
    argv = _argv(start)
    if start.site.is_local:
        argv = start.sandbox.wrap(argv, start.folder, start.facts["NORA_PROJECT"], start.binds)
    spec = {
        "argv": argv,
        "cwd": str(start.folder_there / "work"),
        "inherit": list(start.site.inherit),
        "env": job_environment(start),
        "sandboxed": start.sandbox.active,
        "values": start.resolved.values,
        "resolved_env": start.resolved.env,
        **start.limits.spec(start.plan.resources),
    }
    elsewhere = not start.site.is_local  # here nothing needs it after a loss of power
    _write_json(start.folder / "spec.json", spec, durable=elsewhere)
    if elsewhere:
        fsync_dir(start.folder.parent)
    crash_point("run_dir_made")


def spawn(folder: Path, prefix: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start the shim of a run folder in a session of its own, behind a command such as a scope's.

    Signals that come before it listens are kept for it, so none is lost and none kills it.
    """
    program = [*prefix, sys.executable, "-I", "-S", shim.__file__, str(folder)]
    old = signal.pthread_sigmask(signal.SIG_BLOCK, _EARLY_SIGNALS)
    try:
        with (folder / "shim.err").open("wb") as errors:
            return subprocess.Popen(
                program,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd=folder,
                env={"PATH": os.defpath} | _kept(_BUS if prefix else ()),
                start_new_session=True,
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _kept(names: Sequence[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def job_environment(start: Start) -> dict[str, str]:
    """Give the environment of a job: ours without secrets, then limits, then its own."""
    cpus = str(start.plan.resources.cpus)
    return (
        _own_environment(start.site)
        | dict.fromkeys(_THREAD_VARIABLES, cpus)
        | start.plan.job.env
        | {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "TMPDIR": str(start.folder_there / "work"),
            "PYTHONUNBUFFERED": "1",
            "NORA_JOB": start.key,
            "NORA_ATTEMPT": str(start.attempt),
            "NORA_PROGRESS": str(start.folder_there / "work" / PROGRESS_NAME),
        }
        | _gpus(start)
        | {name: start.site.paths.there(path) for name, path in start.resolved.env.items()}
        | dict(start.facts)
        | dict(start.site.facts)
    )


def _own_environment(site: Site) -> dict[str, str]:
    """Our own, without secrets; elsewhere a job gets what its node has."""
    if not site.is_local:
        return {}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    here = str(Path(sys.executable).parent)
    return kept | {"PATH": os.pathsep.join([here, kept.get("PATH", os.defpath)])}


def _gpus(start: Start) -> dict[str, str]:
    """Name the GPUs of a job; elsewhere the cluster does so for one that asked for some."""
    if start.plan.resources.gpus and not start.site.is_local:
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(start.gpus)}


def _argv(start: Start) -> list[str]:
    python = start.site.python
    return [python if word == sys.executable else word for word in _own_argv(start)]


def _own_argv(start: Start) -> list[str]:
    """Write the scripts of the job into its folder; give the command as for this machine."""
    plan, values = start.plan, start.values_there
    if plan.recipe is not None:
        files = driver_script(plan.recipe, values, start.folder_there, precall=plan.job.precall)
        _write_scripts(start.folder, files)
        return ["sh", str(start.folder_there / "script.sh")]
    if plan.command:
        plain = Script({}, render_command(plan.command, plan.args, values))
        script = precalled(plan.job, plain, start.folder_there)
    else:
        script = script_for(plan.job, values, start.folder_there, matlab=start.matlab)
    _write_scripts(start.folder, script.files)
    return script.argv


def _write_scripts(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")


def _write_json(path: Path, data: Any, *, durable: bool) -> None:
    """Write a private file; ``spec.json`` holds the token of the job."""
    with atomic_write(path, mode=0o600, durable=durable) as stream:
        stream.write(msgspec.json.encode(data) if not isinstance(data, dict) else _dump(data))


def _dump(data: dict[str, Any]) -> bytes:
    """Write it for people too; indenting in Python itself would cost more than all else."""
    return msgspec.json.format(json.dumps(data).encode(), indent=1)
