"""Tells the jobs room what the exchange room has taken in, so that rules can run on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from appliance.core import now_ms

if TYPE_CHECKING:
    from appliance.catalog import Catalog, Event
    from appliance.jobs import Arrival

__all__ = ["ArrivalFeed"]

_CLOSED = ("done", "partial", "waiting", "failed")  # what failed keeps others waiting no more
_FORGOTTEN_MS = 30 * 86_400_000


class ArrivalFeed:
    """Closed arrivals, in the order of the catalog's events.

    The event of an arrival that is through is written in the transaction that closes it, so what
    is read from a place on misses none, whenever the process ended.

    Parameters
    ----------
    catalog : Catalog
        Where arrivals and events are.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def listen(self, look: Callable[[], None]) -> Callable[[], None]:
        """Call `look` when an arrival is through; gives what ends it."""

        def hear(event: Event) -> None:
            if event.topic == "receipt.changed" and event.data.get("state") in _CLOSED:
                look()

        return self._catalog.events.listen(hear)

    def since(self, seq: int) -> tuple[Sequence[Arrival], int]:
        """Give arrivals after a place in the events, and the place reached."""
        from appliance.exchange import brought_by, brought_since
        from appliance.jobs import Arrival

        with self._catalog.read() as con:
            first, last = con.execute(
                "SELECT ifnull(min(seq), 1), ifnull(max(seq), 0) FROM events"
            ).fetchone()
            if seq > last or first > seq + 1:  # events of so long ago are not kept
                found = brought_since(con, now_ms() - _FORGOTTEN_MS)
            else:
                rows = con.execute(
                    "SELECT data FROM events WHERE seq > ? AND topic = 'receipt.changed'", (seq,)
                )
                told = [json.loads(row[0]) for row in rows]
                keys = dict.fromkeys(one["key"] for one in told if one.get("state") in _CLOSED)
                found = [one for key in keys for one in brought_by(con, key)]
        return [
            Arrival(one.project_id, one.study_ids, one.at, one.fire, one.queue) for one in found
        ], last
