"""Long steps of the queue that may be asked for twice and are done by one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["OncePerRow"]


class OncePerRow:
    """Does the work of a row unless another thread is at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()

    def run(self, work: Callable[[int], None], row_id: int) -> None:
        """Do the work of a row; nothing is done while it is being done."""
        with self._lock:
            if row_id in self._running:
                return
            self._running.add(row_id)
        try:
            work(row_id)
        finally:
            self._running.discard(row_id)
