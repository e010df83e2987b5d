"""Importing a library without what it would load besides, merely because it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without"]


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Hide optional packages from what is imported meanwhile.

    Extras and other programs bring large packages that a library takes along at import, only to
    offer what we never ask of it. Packages that are loaded already stay as they are.

    Parameters
    ----------
    *packages : str
        Top-level names; an import of one raises ImportError, as if it were not installed.
    """
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own mark for "not there"
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
