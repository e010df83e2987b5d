"""Huey wrapped thinly and typed: a durable queue in SQLite whose workers wake at once.

The only module that knows Huey. Its consumer is embedded: it touches no signal handlers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huey import SqliteHuey
from huey.consumer import Consumer
from huey.storage import SqliteStorage

if TYPE_CHECKING:
    from huey.api import Task

__all__ = ["StepQueue"]

_IDLE_S = 1.0


class _WakingStorage(SqliteStorage):  # type: ignore[misc]
    """Storage whose `dequeue` waits for a notification instead of polling ever more slowly."""

    blocking = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.waiting = threading.Condition()
        super().__init__(*args, **kwargs)

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        connection.execute("pragma synchronous=FULL")
        return connection

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        super().enqueue(data, priority)
        with self.waiting:
            self.waiting.notify()

    def dequeue(self) -> Any:
        with self.waiting:  # looked at under the lock, so that no notification falls in between
            data = super().dequeue()
            if data is None:
                self.waiting.wait(_IDLE_S)
        return data if data is not None else super().dequeue()


class _EmbeddedConsumer(Consumer):  # type: ignore[misc]
    """Consumer inside a service that owns its signals."""

    def _set_signal_handlers(self) -> None:
        return


class StepQueue:
    """One generic task ``run_step(name, row_id)`` on a SQLite file.

    Parameters
    ----------
    path : Path
        The database of the queue.
    run : callable
        Does a step; called on a worker thread with the name and the row id.
    workers : int
        Number of worker threads.
    """

    def __init__(self, path: Path, run: Callable[[str, int], None], workers: int) -> None:
        logging.getLogger("huey").setLevel(logging.WARNING)  # it would log every step twice
        self._huey = SqliteHuey("nora", filename=str(path), storage_class=_WakingStorage)
        self._storage: _WakingStorage = self._huey.storage
        self._task: Any = self._huey.task(name="run_step")(run)
        self._workers = workers
        self._consumer: _EmbeddedConsumer | None = None

    def put(self, name: str, row_id: int, priority: int) -> None:
        """Write a step down; durable when this returns."""
        task: Task = self._task.s(name, row_id, priority=priority)
        self._huey.enqueue(task)

    def waiting(self) -> list[tuple[str, int]]:
        """List the steps that no worker has taken yet."""
        return [tuple(task.args) for task in self._huey.pending()]

    def start(self) -> None:
        """Start the worker threads."""
        self._consumer = _EmbeddedConsumer(
            self._huey, workers=self._workers, worker_type="thread", periodic=False
        )
        self._consumer.start()

    def check(self) -> bool:
        """Replace workers that died; tell whether all were alive."""
        return bool(self._consumer is not None and self._consumer.check_worker_health())

    def stop(self, timeout_s: float) -> bool:
        """Let running steps end; tell whether they did in time."""
        if self._consumer is None:
            return True
        self._consumer.shutdown_timeout = timeout_s
        self._consumer.stop_flag.set()
        with self._storage.waiting:
            self._storage.waiting.notify_all()
        self._consumer.stop(graceful=True)
        done = not any(thread.is_alive() for _, thread in self._consumer.worker_threads)
        self._consumer = None
        if done:
            self._storage.close()
        return done
