"""The thread of notifications: looks at new events, each once, and has deliveries done."""

# ruff: noqa: S608 - parts of statements are ours; values only travel as parameters

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from appliance.catalog import Catalog, Event, Tx
from appliance.core import NotificationSettings, now_ms
from appliance.upkeep.notifications.batches import look_at_batches
from appliance.upkeep.notifications.deliveries import Deliveries, due_deliveries
from appliance.upkeep.notifications.kinds import Channel
from appliance.upkeep.notifications.others import look_at_others
from appliance.upkeep.notifications.outside import ready_channels
from appliance.upkeep.notifications.telling import tell_all

if TYPE_CHECKING:
    from appliance.jobs import Queue

__all__ = ["Notifier"]

_LOG = logging.getLogger(__name__)
_STEP = "upkeep.deliver"
_GATHER_S, _IDLE_S = 1.0, 30.0
_AT_ONCE, _NEAR = 1000, 500
_DAY_S, _DAY_MS = 86_400.0, 86_400_000
_TOPICS = frozenset(
    {
        "autorule.failed",
        "backup.failed",
        "batch.changed",
        "health.changed",
        "job.changed",
        "jobs.changed",
        "protocol.deviates",
        "protocol.missing",
        "receipt.changed",
    }
)
_WAKES = _TOPICS | {"notification.due"}


class Notifier:
    """Makes notifications out of events, and hands deliveries to the queue.

    How far the events were looked at is written in the transaction that makes the notifications:
    whenever the process ends, each event is told of once. A delivery is done at least once.

    Parameters
    ----------
    catalog, queue, settings, deliveries
        The objects of the appliance.
    titles : mapping of str to str
        Titles of the health checks.
    """

    def __init__(
        self,
        catalog: Catalog,
        queue: Queue,
        settings: NotificationSettings,
        deliveries: Deliveries,
        titles: Mapping[str, str],
    ) -> None:
        self._catalog, self._queue, self._settings = catalog, queue, settings
        self._deliveries, self._titles = deliveries, titles
        self._under_way: dict[Channel, int] = {}
        self._lock, self._looking = threading.Lock(), threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._pruned_at = float("-inf")
        self._unlisten: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._loop, name="notifications", daemon=True)
        queue.register_step(_STEP, self._step)

    def start(self) -> None:
        """Begin; what happened while nobody looked comes first."""
        self._unlisten = self._catalog.events.listen(self._hear)
        self._thread.start()

    def stop(self) -> None:
        """End after what is being looked at."""
        if self._unlisten is not None:
            self._unlisten()
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Make notifications out of all events since the last look; one caller at a time."""
        with self._looking:
            while self._look_once():
                pass

    def send_due(self) -> float:
        """Put the deliveries that are due into the queue; gives the seconds until the next."""
        with self._catalog.read() as con:
            due, later = due_deliveries(con)
        for channel, delivery_id in due:
            with self._lock:
                free = channel not in self._under_way
                if free:
                    self._under_way[channel] = delivery_id
            if free:
                self._queue.enqueue(_STEP, delivery_id)
        return _IDLE_S if later is None else max(0.0, (later - now_ms()) / 1000)

    def _look_once(self) -> bool:
        with self._catalog.read() as con:
            (seq,) = con.execute("SELECT seq FROM notification_cursor").fetchone()
            (first,) = con.execute("SELECT ifnull(min(seq), 0) FROM events").fetchone()
            events = self._catalog.events_since(seq, _AT_ONCE)
            heard = [event for event in events if event.topic in _TOPICS]
            some_missing = first > seq + 1
            batches = look_at_batches(con, heard, all_=some_missing)
            others = look_at_others(con, heard, self._titles)
        if not (batches.changed or others.changed) and len(events) < _NEAR:
            return False  # looked at again next time, for nothing again
        ready = ready_channels(self._settings)

        def write(tx: Tx) -> None:
            tx.con.execute("UPDATE notification_cursor SET seq = ?", (events[-1].seq,))
            batches.keep(tx, events[-1].seq)
            others.keep(tx)
            tell_all(tx, [*batches.news, *others.news], self._settings, ready)

        self._catalog.write(write)
        return len(events) == _AT_ONCE

    def _hear(self, event: Event) -> None:
        if event.topic in _WAKES:
            self._wake.set()

    def _step(self, delivery_id: int) -> None:
        try:
            self._deliveries.deliver(delivery_id)
        finally:
            with self._lock:
                self._under_way = {
                    channel: row for channel, row in self._under_way.items() if row != delivery_id
                }
            self._wake.set()

    def _loop(self) -> None:
        wait = 0.0
        while not self._stop.is_set():
            if self._wake.wait(wait):
                self._stop.wait(_GATHER_S)  # what comes at once is told at once
            self._wake.clear()
            try:
                self.look()
                wait = min(_IDLE_S, self.send_due())
                self._prune()
            except Exception:  # noqa: BLE001 - the outer loop: logged, and looked at again later
                if self._stop.is_set():
                    return
                _LOG.exception("the events could not be looked at for notifications")
                wait = _IDLE_S

    def _prune(self) -> None:
        """Forget, once a day, what is older than is kept."""
        if time.monotonic() - self._pruned_at < _DAY_S:
            return
        self._pruned_at = time.monotonic()
        before = now_ms() - self._settings.keep_days * _DAY_MS
        if self._settings.keep_days > 0:
            self._catalog.write(lambda tx: _forget(tx, before))


def _forget(tx: Tx, before: int) -> None:
    old = "(SELECT id FROM notifications WHERE updated_at < ?)"
    tx.con.execute(f"DELETE FROM notification_deliveries WHERE notification_id IN {old}", (before,))
    tx.con.execute("DELETE FROM notifications WHERE updated_at < ?", (before,))
    tx.con.execute(
        "DELETE FROM notification_seen WHERE what LIKE 'receipt:%' AND at < ?", (before,)
    )
