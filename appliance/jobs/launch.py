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
from appliance.jobs.resolve import Resolved
from appliance.jobs.sandbox import Sandbox
from appliance.jobs.scripts import script_for
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
_EARLY_SIGNALS = (signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT)


@dataclass(frozen=True)
class Start:
    """All that one attempt needs to start."""

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
    _write_json(start.folder / "before.json", snapshot(start.resolved.outputs))
    argv = start.sandbox.wrap(_argv(start), start.folder, start.facts["NORA_PROJECT"])
    spec = {
        "argv": argv,
        "cwd": str(work),
        "env": job_environment(start),
        "sandboxed": start.sandbox.active,
        **start.limits.spec(start.plan.resources),
    }
    _write_json(start.folder / "spec.json", spec)
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
                env={"PATH": os.defpath},
                start_new_session=True,
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def job_environment(start: Start) -> dict[str, str]:
    """Give the environment of a job: ours without secrets, then limits, then its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    here = str(Path(sys.executable).parent)
    cpus = str(start.plan.resources.cpus)
    return (
        kept
        | dict.fromkeys(_THREAD_VARIABLES, cpus)
        | start.plan.job.env
        | {
            "PATH": os.pathsep.join([here, kept.get("PATH", os.defpath)]),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES": ",".join(start.gpus),
            "TMPDIR": str(start.folder / "work"),
            "PYTHONUNBUFFERED": "1",
            "NORA_JOB": start.key,
            "NORA_ATTEMPT": str(start.attempt),
        }
        | dict(start.facts)
    )


def _argv(start: Start) -> list[str]:
    if start.plan.recipe is not None:
        return _recipe_argv(start, start.plan.recipe)
    if start.plan.command:
        return render_command(start.plan.command, start.plan.args, start.resolved.values)
    script = script_for(start.plan.job, start.resolved.values, start.folder, matlab=start.matlab)
    for name, text in script.files.items():
        (start.folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    return script.argv


def _recipe_argv(start: Start, recipe: dict[str, Any]) -> list[str]:
    precall = start.plan.job.precall
    files = driver_script(recipe, start.resolved.values, start.folder, precall=precall)
    for name, text in files.items():
        (start.folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    return ["sh", str(start.folder / "script.sh")]


def _write_json(path: Path, data: Any) -> None:
    """Write a private file; ``spec.json`` holds the token of the job."""
    with atomic_write(path, mode=0o600) as stream:
        stream.write(msgspec.json.encode(data) if not isinstance(data, dict) else _dump(data))


def _dump(data: dict[str, Any]) -> bytes:
    return json.dumps(data, indent=1).encode()
