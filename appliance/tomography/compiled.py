"""The one place of this room that knows numba: typed decorators for loops compiled on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit, prange

__all__ = ["compiled", "parallel", "prange", "reordered"]

F = TypeVar("F", bound=Callable[..., Any])
# No "nnan" and no "ninf": a loop may have to tell a number from what is none.
_LIBERTIES = {"contract", "reassoc", "nsz", "arcp"}


def compiled(kernel: F) -> F:
    """Compile a loop for one core; other threads go on meanwhile."""
    return cast("F", njit(cache=True, nogil=True)(kernel))


def parallel(kernel: F) -> F:
    """Compile a loop whose `prange` is shared among the cores."""
    return cast("F", njit(cache=True, nogil=True, parallel=True)(kernel))


def reordered(kernel: F) -> F:
    """Compile as `compiled` does, but sums of floats may be taken in another order."""
    return cast("F", njit(cache=True, nogil=True, fastmath=_LIBERTIES)(kernel))
