"""The event bus: what a committed write tells the rest of the process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

__all__ = ["Event", "EventBus"]

_LOG = logging.getLogger(__name__)


class Event(msgspec.Struct, frozen=True):
    """One change, as it stands in the table ``events``.

    Attributes
    ----------
    seq : int
        Place in the one sequence of the catalog.
    at : int
        Time, ms UTC.
    topic : str
        Such as ``"files.changed"``.
    data : dict
        Facts; never the identity of a patient.
    """

    seq: int
    at: int
    topic: str
    data: dict[str, Any]


Listener = Callable[[Event], None]


class EventBus:
    """Hands committed events to listeners, in order, on the writer's thread."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every event from now on; it must not block.

        Returns
        -------
        callable
            Ends the subscription.
        """
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def publish(self, events: Sequence[Event]) -> None:
        """Deliver events; a listener that fails is logged and does not stop the others."""
        with self._lock:
            listeners = tuple(self._listeners)
        for event in events:
            for listener in listeners:
                self._deliver(listener, event)

    @staticmethod
    def _deliver(listener: Listener, event: Event) -> None:
        try:
            listener(event)
        except Exception:  # noqa: BLE001 - an outer loop: logged, the others still hear
            _LOG.exception("a listener failed on %s", event.topic)
