"""Stopping a person's SQL from another thread, because nobody waits for its answer any more."""

from __future__ import annotations

import subprocess
import threading

__all__ = ["SqlStop"]


class SqlStop:
    """Handed to a statement that may have to end early.

    Attributes
    ----------
    stopped : bool
        Whether it was asked to end.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End the statement at once; its process is killed if it has one."""
        with self._lock:
            self.stopped = True
            if self._child is not None:
                self._child.kill()

    def holds(self, child: subprocess.Popen[bytes]) -> None:
        """Name the process in which the statement runs."""
        with self._lock:
            self._child = child
            if self.stopped:
                child.kill()
