"""What a program of this room says: lines of its log, its progress, and the callback of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TypeVar

from appliance.core import PeerError
from appliance.tomography.manifest import Callback, Manifest

__all__ = ["Told", "complain", "say", "stop", "told_by"]

T = TypeVar("T")


def say(text: str) -> None:
    """Write a line at once, for the log of the job."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str, hint: str) -> None:
    """Write what went wrong, and what to do about it if that is known."""
    sys.stderr.write(f"error: {text}\n" + (f"hint: {hint}\n" if hint else ""))


def stop(_number: int, _frame: FrameType | None) -> None:
    """Let a signal end a program as Ctrl-C does."""
    raise KeyboardInterrupt


class Told:
    """Says what becomes of an input, in the log and where the jobs panel reads it."""

    def __init__(self, basename: str) -> None:
        self._prefix, self._step = f"{basename}: ", ""

    def __call__(self, text: str) -> None:
        """Say a line; one of a step is remembered as the heading of those that follow."""
        say(text)
        words = text.removeprefix(self._prefix)
        if words.startswith("step "):
            self._step = words
        where = os.environ.get("NORA_PROGRESS", "")
        if where:
            more = "" if words == self._step else f": {words.strip()}"
            with suppress(OSError):  # only told
                Path(where).write_text(f"{self._prefix}{self._step}{more}\n", encoding="utf-8")


def told_by(callback: Callback | None, work: Callable[[], tuple[T, Manifest]]) -> T:
    """Do the work of a run and tell a server of it.

    A callback that cannot be made is complained of, and changes nothing else.

    Parameters
    ----------
    callback : Callback or None
        None tells nobody.
    work : callable
        Gives its result and the list of what was made.
    """
    if callback is None:
        return work()[0]
    _post(callback.running)
    try:
        result, manifest = work()
    except BaseException:
        _post(lambda: callback.done("error", again=False))
        raise
    if _post(lambda: callback.assets(manifest)):
        _post(lambda: callback.done(manifest.status))
    return result


def _post(call: Callable[[], None]) -> bool:
    """Make a callback, or say why it could not be made; results do not depend on it."""
    try:
        call()
    except PeerError as error:
        complain(error.message, error.hint)
        return False
    return True
