"""Where the messages of one association go: objects to their receipts, questions to the journal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from appliance.core import ApplianceError
from appliance.exchange.association import Caller, Counts, Message, Sink
from appliance.exchange.commitment import Commitments
from appliance.exchange.importer import Importer
from appliance.exchange.pacs_awaited import Awaited
from appliance.exchange.reception import Reception, Status
from appliance.exchange.rows import Options
from appliance.exchange.senders import Senders
from appliance.exchange.served import Served
from appliance.exchange.served_move import Tell

__all__ = ["Counter", "House"]

_LOG = logging.getLogger(__name__)
_MOST_UNDER_ONE_RECEIPT = 20_000
_HEAD_BYTES = 1 << 18
_PERMANENT, _TRANSIENT = 1, 2
_USER, _PRESENTATION = 1, 3
_CALLING_UNKNOWN, _BUSY = 3, 2


class House(Protocol):
    """What all associations share."""

    importer: Importer
    senders: Senders
    awaited: Awaited
    commitments: Commitments
    served: Served | None
    max_pdu_bytes: int
    idle_s: float

    def seat(self) -> bool:
        """Take one of the places for associations; False when none is free."""

    def flush(self) -> None:
        """Write the rows of what came over all associations."""


class Counter:
    """The desk of one association.

    Parameters
    ----------
    house : House
        What it shares with the others.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self.max_pdu_bytes, self.idle_s = house.max_pdu_bytes, house.idle_s
        self._caller = Caller("", "", "")
        self._own: Reception | None = None
        self._lock = threading.Lock()

    def refusal(self, caller: Caller) -> tuple[int, int, int] | None:
        """Turn away who is not on the list, and for a while who finds no place."""
        self._caller = caller
        house = self._house
        if not house.senders.allow(caller) and not self._is_awaited():
            _LOG.warning("rejected an association of %s: not allowed", caller)
            return _PERMANENT, _USER, _CALLING_UNKNOWN
        if not house.seat():
            _LOG.warning("rejected an association of %s: all places are taken", caller)
            return _TRANSIENT, _PRESENTATION, _BUSY
        return None

    def store(self, message: Message) -> Sink:
        """Open the place of an object."""
        from appliance.formats import write_meta

        head = write_meta(
            message.text(0x0002), message.text(0x1000), message.syntax, self._caller.calling
        )
        placing = _Placing(self, message, head)
        if message.number(0x1031) is None and self._is_awaited():
            return placing  # only its header tells whether it was asked for
        placing.decide()
        return placing

    def commit(self, message: Message, data: bytes) -> tuple[int, list[bytes]]:
        """Tell which objects are safe here."""
        self._house.flush()
        return self._house.commitments.answer(self._caller, message, data)

    def models(self) -> frozenset[str]:
        """Give the services beside storage that whoever came in is offered."""
        served = self._house.served
        return served.models(self._caller) if served else frozenset()

    def find(self, message: Message, data: bytes, tell: Callable[[bytes], bool]) -> int:
        """Answer a query."""
        served = self._house.served
        assert served is not None  # noqa: S101 - no context for it was accepted else
        return served.find(self._caller, message, data, tell)

    def move(self, message: Message, data: bytes, tell: Tell) -> tuple[int, Counts | None]:
        """Send to an archive what is asked for."""
        served = self._house.served
        assert served is not None  # noqa: S101 - as in `find`
        return served.move(self._caller, message, data, tell)

    def flush(self) -> None:
        """Write the rows of what was acknowledged."""
        own = self._own
        if own is not None:
            own.flush()

    def close(self, *, released: bool) -> None:
        """Hand over what came; how the association ended tells whether it was all."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close(released=released)

    def reception(self, message: Message, head: bytes) -> Reception:
        """Give the arrival that an object belongs to.

        Raises
        ------
        ApplianceError
            If there is none for it.
        """
        from appliance.formats import peek_uids

        found = self._house.awaited.reception(
            self._caller.calling,
            self._caller.address,
            (message.text(0x1030), message.number(0x1031)),
            lambda: peek_uids(head, message.syntax),
        )
        return found or self._own_reception()

    def _own_reception(self) -> Reception:
        """Give the arrival of the association itself, opened with its first object."""
        with self._lock:
            own = self._own
            if own is not None and own.n_stored >= _MOST_UNDER_ONE_RECEIPT:
                own.close()  # what never ends is worked on in parts
                own = None
            if own is None:
                project = self._house.senders.project(self._caller)
                who = self._caller
                options = Options(calling=who.calling, called=who.called, address=who.address)
                own = Reception(self._house.importer, project, str(who), options)
            self._own = own
            return own

    def _is_awaited(self) -> bool:
        return self._house.awaited.admits(self._caller.calling, self._caller.address)


class _Placing:
    """An object whose arrival may be known only after its first bytes."""

    def __init__(self, counter: Counter, message: Message, head: bytes) -> None:
        self._counter, self._message, self._head = counter, message, head
        self._first = bytearray()
        self._sink: Sink | None = None
        self._refused: Status | None = None

    def decide(self) -> None:
        """Choose the arrival by what is known."""
        first, self._first = bytes(self._first), bytearray()
        try:
            reception = self._counter.reception(self._message, first)
        except ApplianceError as error:
            _LOG.warning("an object was refused: %s", error.message)
            self._refused = Status.for_error(error)
            return
        self._sink = reception.begin(self._head, self._message.text(0x1000))
        if first:
            self._sink.write(memoryview(first))

    def write(self, data: memoryview) -> None:
        """Take a piece."""
        if self._sink is not None:
            self._sink.write(data)
        elif self._refused is None:
            self._first += data
            if len(self._first) >= _HEAD_BYTES:
                self.decide()

    def finish(self) -> int:
        """Keep it."""
        if self._sink is None and self._refused is None:
            self.decide()
        if self._sink is None:
            return self._refused or Status.PROCESSING_FAILURE
        return self._sink.finish()

    def drop(self) -> None:
        """Forget it."""
        if self._sink is not None:
            self._sink.drop()
