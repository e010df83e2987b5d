"""What a run folder says about its attempt: unclaimed, alive, ended, lost or poisoned."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from appliance.core import fsync_dir
from appliance.jobs.shim import boot_id, start_time

__all__ = [
    "Exit",
    "Fate",
    "Loss",
    "is_from_outside",
    "judge",
    "kill_strays",
    "open_pid",
    "poison",
    "read_claim",
    "read_exit",
    "send_signal",
]


class Fate(StrEnum):
    """What became of an attempt."""

    UNCLAIMED = "unclaimed"
    ALIVE = "alive"
    ENDED = "ended"
    LOST = "lost"
    POISONED = "poisoned"


class Exit(msgspec.Struct, frozen=True):
    """How an attempt ended, as its shim wrote it."""

    code: int
    why: str
    wall_s: float
    cpu_s: float
    maxrss_kb: int
    suspended_s: float
    killed_leftovers: int
    ended_at: int
    signal: int | None = None


class Loss(NamedTuple):
    """What became of an attempt that left no ``exit.json``; `failure` names its class."""

    why: str
    failure: str = "lost"


def judge(folder: Path) -> Fate:
    """Tell what became of the attempt of a run folder.

    Notes
    -----
    Life is looked at before exit.json: a shim writes it before it ends, so one that is found dead
    has either left it or never will.
    """
    claim = read_claim(folder)
    if claim is None:
        return Fate.UNCLAIMED
    if claim.get("poisoned"):
        return Fate.POISONED
    if _alive(claim):
        return Fate.ALIVE
    return Fate.LOST if read_exit(folder) is None else Fate.ENDED


def read_claim(folder: Path) -> dict[str, Any] | None:
    """Read who took the attempt; None when nobody did."""
    try:
        claim: dict[str, Any] = json.loads((folder / "claim").read_bytes())
    except FileNotFoundError:
        return None
    return claim


def read_exit(folder: Path) -> Exit | None:
    """Read how the attempt ended; None when that was never written."""
    try:
        return msgspec.json.decode((folder / "exit.json").read_bytes(), type=Exit)
    except FileNotFoundError:
        return None


def is_from_outside(end: Exit) -> bool:
    """Tell whether a signal may have ended an attempt that its own job did not send."""
    return end.why == "cancelled" or end.signal in (signal.SIGTERM, signal.SIGKILL)


def poison(folder: Path) -> bool:
    """Take the attempt ourselves, so that a shim which comes late does not run it.

    Returns
    -------
    bool
        False when a shim was first.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f"claim.poison.{os.getpid()}"
    part.write_text('{"poisoned": true}', encoding="ascii")
    try:
        os.link(part, folder / "claim")
    except FileExistsError:
        return False
    finally:
        part.unlink()
    fsync_dir(folder)
    return True


def open_pid(pid: int, started: int) -> int | None:
    """Open a handle on a process that began at a known tick; None when it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    if start_time(pid) != started:  # the pid was given to another process
        os.close(handle)
        return None
    return handle


def send_signal(pid: int | None, started: int | None, number: signal.Signals) -> bool:
    """Signal a shim, and never a process that got its pid later; False when it is gone."""
    handle = None if pid is None or started is None else open_pid(pid, started)
    if handle is None:
        return False
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def kill_strays(job_key: str, attempt: int) -> int:
    """Kill what carries a lost attempt's mark in its environment, and count it."""
    wanted = {f"NORA_JOB={job_key}".encode(), f"NORA_ATTEMPT={attempt}".encode()}
    killed = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
    return killed


def _alive(claim: dict[str, Any]) -> bool:
    if claim["boot_id"] != boot_id():
        return False
    return start_time(claim["shim_pid"]) == int(claim["shim_start"])
