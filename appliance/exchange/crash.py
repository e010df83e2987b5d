"""Points at which a test may let the process die, to prove that nothing is lost there."""

from __future__ import annotations

import os
import signal

__all__ = ["crash_point"]


def crash_point(name: str) -> None:
    """Kill this process if ``NORA_CRASH_AT`` names this point and ``NORA_TEST`` is 1.

    Parameters
    ----------
    name : str
        Such as ``"sort.moved"``. ``NORA_CRASH_AT=sort.moved:3`` dies at the third passage.
    """
    if os.environ.get("NORA_TEST") != "1":
        return
    wanted, _, count = os.environ.get("NORA_CRASH_AT", "").partition(":")
    if wanted != name:
        return
    left = int(count or 1) - 1
    os.environ["NORA_CRASH_AT"] = f"{name}:{left}"
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
