"""The clock of upkeep: one thread that makes the daily backup and looks at the health."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

__all__ = ["Schedule", "last_due"]

_LOG = logging.getLogger(__name__)


class Schedule:
    """Runs upkeep's regular work in one thread; a daily task that was missed runs at the start.

    Parameters
    ----------
    health : callable
        Looks at the health; run at every tick.
    backup : callable, optional
        Makes the daily backup.
    hour : int
        Local hour at which the backup is due.
    last_backup_ms : callable
        Time of the newest backup, None when there is none.
    chores : sequence of callable
        What is tidied up once a day, and at the start.
    tick_s : float
        Seconds between two looks.
    """

    def __init__(
        self,
        health: Callable[[], object],
        backup: Callable[[], object] | None,
        *,
        hour: int,
        last_backup_ms: Callable[[], int | None],
        chores: Sequence[Callable[[], object]] = (),
        tick_s: float = 30.0,
    ) -> None:
        self._health = health
        self._backup = backup
        self._hour = hour
        self._last_backup_ms = last_backup_ms
        self._chores = chores
        self._tidied_on: date | None = None
        self._tick_s = tick_s
        self._retry_at: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="upkeep-schedule", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for a backup that is being made."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_due(self, now: datetime) -> None:
        """Do what is due at a moment: today's backup if it is missing, chores, the checks."""
        if self._backup is not None and self._backup_due(now):
            self._retry_at = now + timedelta(hours=1)  # a failure is tried again after an hour
            _guarded("the daily backup", self._backup)
        if self._tidied_on != now.date():
            self._tidied_on = now.date()
            for chore in self._chores:
                _guarded("a daily chore", chore)
        _guarded("the health checks", self._health)

    def _backup_due(self, now: datetime) -> bool:
        if self._retry_at is not None and now < self._retry_at:
            return False
        last = self._last_backup_ms()
        return last is None or last < last_due(now, self._hour).timestamp() * 1000

    def _loop(self) -> None:
        while not self._stop.is_set():
            self.run_due(datetime.now().astimezone())
            self._stop.wait(self._tick_s)


def last_due(now: datetime, hour: int) -> datetime:
    """Give the latest moment, not after `now`, at which the clock showed `hour`."""
    due = now.replace(hour=hour % 24, minute=0, second=0, microsecond=0)
    return due if due <= now else due - timedelta(days=1)


def _guarded(what: str, task: Callable[[], object]) -> None:
    try:
        task()
    except Exception:  # noqa: BLE001 - the outer loop: logged, and tried again later
        _LOG.exception("%s failed", what)
