"""The queue of short steps: durable, at least once, and put right by reconcilers.

A step gets a row id and nothing else; the row in the catalog says what is to be done. A step may
run twice, so it looks at the row first. A job of a user is never a step.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.core import Conflict

if TYPE_CHECKING:
    from appliance.jobs.queue_huey import StepQueue

__all__ = ["Queue", "Reconciler", "Step", "StepFailed"]

_LOG = logging.getLogger(__name__)
_HEALTH_S, _RECONCILE_S = 10.0, 30.0

Step = Callable[[int], None]
StepFailed = Callable[[int, Exception], None]
Reconciler = Callable[[], None]


class Queue:
    """Steps and the threads that do them.

    Parameters
    ----------
    path : Path
        Database of the queue, such as ``folder.queue_path``.
    workers : int
        Number of worker threads.
    """

    def __init__(self, path: Path, *, workers: int = 2) -> None:
        self._path = path
        self._workers = workers
        self._steps: dict[str, tuple[Step, StepFailed | None]] = {}
        self._reconcilers: list[Reconciler] = []
        self._waiting: set[tuple[str, int]] = set()
        self._running: set[tuple[str, int]] = set()
        self._again: set[tuple[str, int]] = set()
        self._idle: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()
        self._inner: StepQueue | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None

    def register_step(self, name: str, step: Step, *, on_error: StepFailed | None = None) -> None:
        """Say what does the steps of a name.

        Parameters
        ----------
        name : str
            Such as ``"register_outputs"``.
        step : callable
            Takes the row id; idempotent.
        on_error : callable, optional
            Records a failure with the row's owner; it gets the row id and the exception.

        Raises
        ------
        Conflict
            If the name is taken.
        """
        if name in self._steps:
            raise Conflict(f"two steps are called {name!r}")
        self._steps[name] = (step, on_error)

    def register_reconciler(self, reconcile: Reconciler) -> None:
        """Add a function that re-enqueues rows whose state needs it; at start and every 30 s."""
        self._reconcilers.append(reconcile)

    def enqueue(self, name: str, row_id: int, priority: int = 0) -> None:
        """Write a step down, unless the same one waits already; durable when this returns.

        Parameters
        ----------
        name, row_id
            The step.
        priority : int
            Higher is sooner. A step below 0 is for idle times: it is held back in memory while
            others wait or run, for some seconds at most, and is forgotten when the process ends.
        """
        inner, step = self._opened(), (name, row_id)
        with self._lock:
            if step in self._waiting:
                return
            if priority < 0 and (self._waiting or self._running):
                self._idle.setdefault(step, priority)
                return
            self._idle.pop(step, None)
            self._waiting.add(step)
        self._put(inner, step, priority)

    def _put(self, inner: StepQueue, step: tuple[str, int], priority: int) -> None:
        try:
            inner.put(*step, priority)
        except BaseException:
            with self._lock:
                self._waiting.discard(step)
            raise

    def _release_idle(self, *, now: bool = False) -> None:
        """Let the steps for idle times begin, once nothing else is to be done."""
        with self._lock:
            if not now and (self._waiting or self._running):
                return
            steps, self._idle = self._idle, {}
            self._waiting.update(steps)
        for step, priority in steps.items():
            self._put(self._opened(), step, priority)

    def start(self) -> None:
        """Start the workers and put right what an earlier end left behind."""
        self._stopping.clear()
        self._opened().start()
        self.reconcile()
        self._keeper = threading.Thread(target=self._keep, name="queue-keeper", daemon=True)
        self._keeper.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """Let running steps end.

        Returns
        -------
        bool
            Whether all did within `timeout` seconds; those that did not are done again later.
        """
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.join(timeout)
            self._keeper = None
        done = self._inner is None or self._inner.stop(timeout)
        self._inner = None
        return done

    def backlog(self) -> int:
        """Count the steps that wait or run."""
        self._opened()
        with self._lock:
            return len(self._waiting) + len(self._running) + len(self._idle)

    def is_running(self) -> bool:
        """Tell whether the workers have been started and not stopped."""
        return self._keeper is not None and self._keeper.is_alive()

    def reconcile(self) -> None:
        """Run all reconcilers; one that fails does not keep the others from running."""
        for reconcile in self._reconcilers:
            try:
                reconcile()
            except Exception:  # noqa: BLE001 - an outer loop
                _LOG.exception("a reconciler failed")

    def run_step(self, name: str, row_id: int) -> None:
        """Do one step on this thread; failures are logged and handed to the row's owner."""
        step = (name, row_id)
        with self._lock:
            self._waiting.discard(step)
            if step in self._running:
                self._again.add(step)  # something changed meanwhile: the one that runs looks again
                return
            self._running.add(step)
        while True:
            self._do(name, row_id)
            with self._lock:
                if step not in self._again:
                    self._running.discard(step)
                    break
                self._again.discard(step)
        if self._idle and not self._stopping.is_set():
            self._release_idle()

    def _do(self, name: str, row_id: int) -> None:
        step, on_error = self._steps.get(name, (None, None))
        if step is None:
            _LOG.error("nothing does the step %s (row %d)", name, row_id)
            return
        try:
            step(row_id)
        except Exception as error:  # noqa: BLE001 - an outer loop
            _LOG.exception("step %s of row %d failed", name, row_id)
            self._record(on_error, row_id, error)

    @staticmethod
    def _record(on_error: StepFailed | None, row_id: int, error: Exception) -> None:
        if on_error is None:
            return
        try:
            on_error(row_id, error)
        except Exception:  # noqa: BLE001 - an outer loop
            _LOG.exception("the failure of row %d could not be recorded", row_id)

    def _opened(self) -> StepQueue:
        if self._inner is None:
            from appliance.jobs.queue_huey import StepQueue

            inner = StepQueue(self._path, self.run_step, self._workers)
            with self._lock:
                self._waiting = set(inner.waiting())
            self._inner = inner
        return self._inner

    def _keep(self) -> None:
        reconciled = time.monotonic()
        while not self._stopping.wait(_HEALTH_S):
            self._check()
            self._release_idle(now=True)
            if time.monotonic() - reconciled >= _RECONCILE_S:
                self.reconcile()
                reconciled = time.monotonic()

    def _check(self) -> None:
        try:
            if not self._opened().check():
                _LOG.warning("a worker of the queue had died and was replaced")
        except Exception:  # noqa: BLE001 - an outer loop
            _LOG.exception("the workers of the queue could not be checked")
