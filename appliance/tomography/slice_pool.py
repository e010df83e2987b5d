"""Keeps the few processes that make live slices: as many as allowed, and only while they are used.

What burns CPU and memory is in those processes (`appliance.tomography.slice_worker`), never here.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from appliance.core import ApplianceError, Conflict, FormatError, Invalid, NotFound

__all__ = ["SlicePicture", "SlicePool"]

_MOST = 2
_IDLE_S = 90.0
_BUSY_S = 10.0
_SLOWEST_S = 120.0
_END_S = 5.0
_KINDS: dict[str, type[ApplianceError]] = {
    "FormatError": FormatError,
    "Invalid": Invalid,
    "NotFound": NotFound,
}


@dataclass(frozen=True, slots=True)
class SlicePicture:
    """A slice as PNG, and how long making it took."""

    png: bytes
    seconds: float


@dataclass(slots=True)
class _Session:
    """One process with the tilts of one series in its memory."""

    folder: Path
    version: int
    turn: threading.Lock = field(default_factory=threading.Lock)
    child: subprocess.Popen[bytes] | None = None
    used_at: float = field(default_factory=time.monotonic)
    waiting: int = 0

    def ask(self, line: str) -> SlicePicture:
        """Ask for a picture; the process begins with the first."""
        if self.child is None:
            self.child = _started(self.folder)
            self._line()
        head = self._line(line)
        return SlicePicture(self._read(int(head["bytes"])), float(head["seconds"]))

    def end(self) -> None:
        """Give back what it holds."""
        child, self.child = self.child, None
        if child is None:
            return
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=_END_S)

    def _line(self, asked: str = "") -> dict[str, Any]:
        child = self.child
        if asked and child is not None:
            with contextlib.suppress(BrokenPipeError):
                _pipe(child.stdin).write(asked.encode() + b"\n")
                _pipe(child.stdin).flush()
        line = b""
        if child is not None:
            with selectors.DefaultSelector() as ready:
                ready.register(_pipe(child.stdout), selectors.EVENT_READ)
                line = _pipe(child.stdout).readline() if ready.select(_SLOWEST_S) else b""
        if not line:
            raise _Ended
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise _KINDS.get(told["kind"], FormatError)(told["error"], hint=told["hint"])
        return told

    def _read(self, n: int) -> bytes:
        found = _pipe(self.child.stdout).read(n) if self.child else b""
        if len(found) != n:
            raise _Ended
        return found


class _Ended(Exception):
    """The process is no more, or too slow."""


class SlicePool:
    """Live slices of a few series at a time.

    Parameters
    ----------
    most : int
        So many series are open at once. One that nobody looked at for some seconds makes room.
    idle_s : float
        Seconds after which a series that nobody looks at is closed.
    busy_s : float
        Seconds during which one that was looked at makes no room for another.
    """

    def __init__(
        self, *, most: int = _MOST, idle_s: float = _IDLE_S, busy_s: float = _BUSY_S
    ) -> None:
        self._most, self._idle_s, self._busy_s = most, idle_s, busy_s
        self._open: dict[Path, _Session] = {}
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    @property
    def n_open(self) -> int:
        """How many series are open."""
        return len(self._open)

    def processes(self) -> list[int]:
        """Give the ids of the processes that run."""
        with self._guard:
            return [one.child.pid for one in self._open.values() if one.child is not None]

    def picture(
        self, folder: Path, axis: str, index: int, without: Sequence[int] = ()
    ) -> SlicePicture:
        """Make a slice of the series whose results lie in a folder; waits until it is there.

        Parameters
        ----------
        folder : Path
            Where the workflow left the results of a series.
        axis : {"z", "y"}
        index : int
        without : sequence of int
            Tilts that are left out, from 0.

        Raises
        ------
        NotFound, FormatError, Invalid
            As `SlicedSeries.slice`, or if the process ended.
        Conflict
            If others look at as many series as may be open.
        """
        session = self._session(folder)
        try:
            with session.turn:
                return session.ask(json.dumps([axis, index, list(without)]))
        except Invalid:
            raise
        except _Ended:
            self._drop(session)
            raise FormatError(
                "the slice could not be made: its process ended",
                hint="Try again. If it stays so, the log of the service says why.",
            ) from None
        except ApplianceError:
            self._drop(session)
            raise
        finally:
            with self._guard:
                session.waiting -= 1
                session.used_at = time.monotonic()

    def close(self) -> None:
        """End all processes; no more are started."""
        with self._guard:
            self._closed = True
            ended, self._open = list(self._open.values()), {}
            if self._timer is not None:
                self._timer.cancel()
        for one in ended:
            one.end()

    def _session(self, folder: Path) -> _Session:
        """Find the process of a series as it is on disk now, or make room for one."""
        version = _version(folder)
        with self._guard:
            if self._closed:
                raise Conflict("the service is ending")
            found = self._open.get(folder)
            ended = []
            if found is not None and found.version != version and not found.waiting:
                ended, found = [self._open.pop(folder)], None
            if found is None:
                ended += self._make_room()
                found = self._open[folder] = _Session(folder, version)
            found.waiting += 1
            self._look_later()
        for one in ended:
            one.end()
        return found

    def _make_room(self) -> list[_Session]:
        if len(self._open) < self._most:
            return []
        since = time.monotonic() - self._busy_s
        idle = [one for one in self._open.values() if not one.waiting and one.used_at <= since]
        if not idle:
            raise Conflict(
                f"live slices of {self._most} tilt series are being looked at",
                hint="Try again in a moment.",
            )
        oldest = min(idle, key=lambda one: one.used_at)
        return [self._open.pop(oldest.folder)]

    def _drop(self, session: _Session) -> None:
        with self._guard:
            if self._open.get(session.folder) is session:
                del self._open[session.folder]
        with session.turn:
            session.end()

    def _look_later(self) -> None:
        """Look for what is idle once, some time from now; called with the guard held."""
        if self._timer is None and not self._closed:
            self._timer = threading.Timer(self._idle_s / 3, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        since = time.monotonic() - self._idle_s
        with self._guard:
            self._timer = None
            idle = [one for one in self._open.values() if not one.waiting and one.used_at <= since]
            for one in idle:
                del self._open[one.folder]
            if self._open:
                self._look_later()
        for one in idle:
            one.end()


def _started(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "appliance.tomography.slice_worker", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _version(folder: Path) -> int:
    """Tell one result of a series from the next."""
    try:
        return (folder / f"{folder.name}_ali.mrc").stat().st_mtime_ns
    except OSError:
        return 0


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - it was opened as a pipe
    return stream
