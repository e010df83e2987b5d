"""Wait for a state instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["wait_until"]

T = TypeVar("T")


def wait_until(
    look: Callable[[], T],
    what: str,
    *,
    within_s: float = 60.0,
    every_s: float = 0.1,
    show: Callable[[], object] = lambda: "",
) -> T:
    """Call `look` until it answers something true, and return that.

    Parameters
    ----------
    look : callable
        Asked again and again; an `AssertionError` counts as no.
    what : str
        Told when the time is over, together with what `show` returns.
    """
    end = time.monotonic() + within_s
    while True:
        try:
            found = look()
        except AssertionError:
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s:g} s: {what}\n{show()}")
        time.sleep(every_s)
