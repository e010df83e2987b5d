"""Server-sent events: the catalog's event sequence, replayed and then pushed as it grows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection

import msgspec

from appliance.catalog import Catalog, Event

__all__ = ["EventHub"]

_LOG = logging.getLogger(__name__)
_HEARTBEAT_S = 15.0
_MAX_WAITING = 1000  # events that a slow reader may lie behind before it has to come again
_MAX_AGE_S = 1800.0  # then the browser comes again, and is asked who it is
_REPLAY = 1000
_HEARTBEAT = b": alive\n\n"
_RIGHTS_CHANGED = "users.changed"
_FOR_ALL = frozenset({"events.reset", "health.changed"})

_Waiting = asyncio.Queue[Event | None]


class EventHub:
    """Carries committed events from the writer's thread to every open stream.

    Parameters
    ----------
    catalog : Catalog
        Where the events come from.
    heartbeat_s : float
        Seconds of silence after which a comment is sent, so that a dead line is noticed.
    """

    def __init__(self, catalog: Catalog, *, heartbeat_s: float = _HEARTBEAT_S) -> None:
        self._catalog = catalog
        self._heartbeat_s = heartbeat_s
        self._readers: dict[_Waiting, bool] = {}  # and whether only some projects are shown
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] | None = None
        self._closed = False

    def start(self) -> None:
        """Listen to the catalog from now on; called on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._stop = self._catalog.events.listen(self._from_writer)

    def close(self) -> None:
        """End all streams, so that the server can stop; called on the event loop."""
        self._closed = True
        if self._stop is not None:
            self._stop()
        for waiting in tuple(self._readers):
            self._end(waiting)

    async def stream(
        self,
        since: int | None,
        project_ids: Collection[int] | None = None,
        *,
        user_id: int | None = None,
    ) -> AsyncIterator[bytes]:
        """Give the bytes of one stream.

        Parameters
        ----------
        since : int, optional
            Place in the sequence after which events are replayed; None: only what is new.
        project_ids : collection of int, optional
            Only what happens in these projects, and what concerns none; None: all.
        user_id : int, optional
            Who reads: what is for one user is only given to that one.

        Yields
        ------
        bytes
            Whole events. The stream ends when the reader lies too far behind, gets old or the
            service stops; the browser then comes again and names the last event it saw.
        """
        waiting: _Waiting = asyncio.Queue(_MAX_WAITING)
        self._readers[waiting] = project_ids is not None
        try:
            names = await asyncio.to_thread(self._names, project_ids)
            last = await asyncio.to_thread(self._catalog.last_seq)
            place = last if since is None or since > last else since
            yield f"retry: 2000\nid: {place}\n\n".encode()
            if since is not None and await self._has_gap(since, last):
                yield _encode(Event(last, 0, "events.reset", {}))
                place = last
            async for event in self._replay(place):
                place = event.seq
                if _concerns(event, names, user_id):
                    yield _encode(event)
            async for piece in self._live(waiting, place, names, user_id):
                yield piece
        finally:
            self._readers.pop(waiting, None)

    def _names(self, project_ids: Collection[int] | None) -> frozenset[str] | None:
        if project_ids is None:
            return None
        with self._catalog.read() as con:
            rows = con.execute("SELECT id, name FROM projects").fetchall()
        return frozenset(row["name"] for row in rows if row["id"] in project_ids)

    async def _has_gap(self, since: int, last: int) -> bool:
        """Tell whether events after `since` are gone: pruned, or of another history."""
        first = await asyncio.to_thread(self._catalog.events_since, since, 1)
        return since > last or (bool(first) and first[0].seq != since + 1)

    async def _replay(self, place: int) -> AsyncIterator[Event]:
        while page := await asyncio.to_thread(self._catalog.events_since, place, _REPLAY):
            for event in page:
                yield event
            place = page[-1].seq

    async def _live(
        self, waiting: _Waiting, place: int, names: frozenset[str] | None, user_id: int | None
    ) -> AsyncIterator[bytes]:
        until = time.monotonic() + _MAX_AGE_S
        while not self._closed and time.monotonic() < until:
            try:
                event = await asyncio.wait_for(waiting.get(), self._heartbeat_s)
            except TimeoutError:
                yield _HEARTBEAT
                continue
            if event is None:
                return
            if event.seq > place:
                place = event.seq
                if _concerns(event, names, user_id):
                    yield _encode(event)

    def _from_writer(self, event: Event) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._fan_out, event)

    def _fan_out(self, event: Event) -> None:
        for waiting, limited in tuple(self._readers.items()):
            if limited and event.topic == _RIGHTS_CHANGED:
                self._end(waiting)  # it comes again, and its rights are looked up anew
            elif waiting.full():
                _LOG.info("a reader of events lies too far behind and has to come again")
                self._end(waiting)
            else:
                waiting.put_nowait(event)

    def _end(self, waiting: _Waiting) -> None:
        self._readers.pop(waiting, None)
        while not waiting.empty():
            waiting.get_nowait()
        waiting.put_nowait(None)


def _concerns(event: Event, names: frozenset[str] | None, user_id: int | None) -> bool:
    """Tell whether a reader may hear of an event: one user, maybe of only some projects."""
    if "user_id" in event.data:
        return bool(event.data["user_id"] == user_id)
    if names is None or event.topic in _FOR_ALL:
        return True
    if "project" not in event.data:
        return False
    return event.data["project"] is None or event.data["project"] in names


def _encode(event: Event) -> bytes:
    data = msgspec.json.encode(event.data).decode()
    return f"id: {event.seq}\nevent: {event.topic}\ndata: {data}\n\n".encode()
