"""Objects for archives that refuse their transfer syntax: unpacked in a child process."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from appliance.core import FormatError

__all__ = ["PLAIN", "Unpacker"]

PLAIN: Final = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
"""Explicit and implicit VR, little-endian: what archives take that take nothing else."""

_TIMEOUT_S, _END_S = 300.0, 5.0


class Unpacker:
    """Unpacks while a block lasts; the child begins with the first object.

    Parameters
    ----------
    timeout_s : float
        Seconds for one object.
    """

    def __init__(self, timeout_s: float = _TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[str] | None = None
        self._folder: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        if self._folder is not None:
            self._folder.cleanup()

    def unpacked(self, source: Path, syntax: str) -> Path:
        """Give an object in a plain transfer syntax; the file is valid until the next call.

        Raises
        ------
        FormatError
            If it cannot be unpacked.
        """
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="nora-unpack-")
        target = Path(self._folder.name) / "object.dcm"
        target.unlink(missing_ok=True)
        answer = self._ask(json.dumps([str(source), str(target), syntax]))
        if not answer:
            self._end()
            raise FormatError("it cannot be unpacked, or not in time")
        if answer.strip():
            raise FormatError(answer.strip())
        return target

    def _ask(self, line: str) -> str:
        """Give the child's answer; an empty one if it ended or is too slow."""
        child = self._child or self._started()
        assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 - pipes
        try:
            child.stdin.write(f"{line}\n")
            child.stdin.flush()
        except BrokenPipeError:
            return ""
        with selectors.DefaultSelector() as waiting:
            waiting.register(child.stdout, selectors.EVENT_READ)
            return child.stdout.readline() if waiting.select(self._timeout_s) else ""

    def _started(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "appliance.exchange.unpack_program"]
        self._child = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.communicate(timeout=_END_S)
