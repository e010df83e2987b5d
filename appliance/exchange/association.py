"""One association: negotiated, its messages taken one after the other, and ended in good order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from appliance.exchange import pdu
from appliance.exchange.negotiation import COMMITMENT, VERIFICATION, choose, is_uid, unfit
from appliance.exchange.pdu import Command, Fragment
from appliance.exchange.wire import Gone, Malformed, Wire

__all__ = [
    "FIND_MODELS",
    "MOVE_MODELS",
    "Association",
    "Caller",
    "Counts",
    "Desk",
    "Message",
    "Sink",
]

_LOG = logging.getLogger(__name__)

FIND_MODELS: Final = frozenset({"1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1"})
MOVE_MODELS: Final = frozenset({"1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2"})
_NAME = "NORA"

_STORE, _ECHO, _ACTION = 0x0001, 0x0030, 0x0130
_FIND, _MOVE = 0x0020, 0x0021
_PENDING, _CANCELLED = 0xFF00, 0xFE00
_NO_STORAGE = FIND_MODELS | MOVE_MODELS | {VERIFICATION, COMMITMENT}
_GATHERED = frozenset(
    {(_ACTION, COMMITMENT), *((_FIND, m) for m in FIND_MODELS), *((_MOVE, m) for m in MOVE_MODELS)}
)
_ANSWER = 0x8000
_UNKNOWN_OPERATION, _BAD_UID, _NO_DATA = 0x0211, 0x0117, 0xC000
_MOST_COMMAND, _MOST_ACTION = 1 << 16, 1 << 25
_INVALID_PARAMETER = 6


class Caller(msgspec.Struct, frozen=True):
    """Who is at the other end, as they say, and their address."""

    called: str
    calling: str
    address: str

    def __str__(self) -> str:
        return f"{self.calling} {self.address}"


class Message(msgspec.Struct, frozen=True):
    """A command and the context that it came over."""

    command: Command
    context: int
    syntax: str

    def text(self, element: int) -> str:
        """Give an element that is text, ``""`` without one."""
        return str(self.command.get(element, ""))

    def number(self, element: int) -> int | None:
        """Give an element that is a number."""
        value = self.command.get(element)
        return value if isinstance(value, int) else None


class Sink(Protocol):
    """Takes a data set piece by piece."""

    def write(self, data: memoryview) -> None:
        """Take a piece; nothing is raised for what cannot be stored."""

    def finish(self) -> int:
        """Everything came; gives the status to answer."""

    def drop(self) -> None:
        """The rest will not come."""


class Counts(Protocol):
    """How far a request to send is, in objects."""

    n_left: int
    n_sent: int
    n_failed: int


class Desk(Protocol):
    """What the house does for one association."""

    max_pdu_bytes: int
    idle_s: float

    def refusal(self, caller: Caller) -> tuple[int, int, int] | None:
        """Give result, source and reason of a rejection, or None: they may come in."""

    def store(self, message: Message) -> Sink:
        """Open the place that an object goes to; one that cannot be stored goes nowhere."""

    def commit(self, message: Message, data: bytes) -> tuple[int, list[bytes]]:
        """Answer a request for commitment: the status, and command and data set of a report."""

    def models(self) -> frozenset[str]:
        """Give the services beside storage that whoever came in is offered."""

    def find(self, message: Message, data: bytes, tell: Callable[[bytes], bool]) -> int:
        """Answer a query piece by piece while `tell` says to go on; gives the last status."""

    def move(
        self, message: Message, data: bytes, tell: Callable[[Counts], bool]
    ) -> tuple[int, Counts | None]:
        """Send what is asked for, telling how far it is; gives the last status, and the counts."""

    def close(self, *, released: bool) -> None:
        """Nothing more comes."""


class _Gather:
    """A data set that is needed as a whole."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: memoryview) -> None:
        if len(self.data) + len(data) > _MOST_ACTION:
            raise Malformed("a data set that is too large for what it is")
        self.data += data

    def finish(self) -> int:
        return 0

    def drop(self) -> None:
        self.data.clear()


class _Refuse(_Gather):
    """A data set that nobody wants."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def write(self, data: memoryview) -> None:
        """Forget it."""

    def finish(self) -> int:
        return self._status


class Association:
    """Serves one peer until it releases, aborts, breaks the rules or falls silent.

    Parameters
    ----------
    wire : Wire
        The connection.
    desk : Desk
        Where its messages go.
    address : str
        Address of the peer.
    implementation : str
        UID of our implementation.
    """

    def __init__(self, wire: Wire, desk: Desk, address: str, implementation: str) -> None:
        self._wire, self._desk, self._address = wire, desk, address
        self._implementation = implementation
        self._contexts: dict[int, tuple[str, str]] = {}
        self._peer_most = 0
        self._command = bytearray()
        self._context: int | None = None
        self._message: Message | None = None
        self._sink: Sink | None = None

    def serve(self) -> None:
        """Negotiate, then take messages until the end; raises nothing that a peer causes."""
        released = False
        try:
            if self._open():
                self._wire.be_patient(self._desk.idle_s)
                released = self._take_all()
        except Gone as gone:
            _LOG.info("association of %s ended: %s", self._address, gone.message)
        except Malformed as wrong:
            _LOG.warning("association of %s aborted: %s", self._address, wrong.message)
            self._abort(_INVALID_PARAMETER)
        finally:
            self._end(released=released)

    def _end(self, *, released: bool) -> None:
        if self._sink is not None:
            self._sink.drop()
        self._desk.close(released=released)
        if released:
            self._answer_release()
        self._wire.hang_up()

    def _answer_release(self) -> None:
        try:
            self._wire.send(pdu.release_answer())
        except Gone:
            _LOG.debug("%s did not wait for the answer to its release", self._address)

    def _abort(self, reason: int) -> None:
        try:
            self._wire.send(pdu.abort_pdu(reason))
        except Gone:
            _LOG.debug("%s had gone before it was told", self._address)

    def _open(self) -> bool:
        kind, body = self._wire.read()
        if kind != pdu.ASSOCIATE_RQ:
            raise Malformed("it does not begin with a request for an association")
        request = pdu.parse_associate(body)
        caller = Caller(request.called, request.calling, self._address)
        refusal = unfit(request) or self._desk.refusal(caller)
        if refusal is not None:
            self._wire.send(pdu.reject_pdu(*refusal))
            return False
        self._peer_most = request.max_pdu_bytes
        models = self._desk.models()
        chosen = [choose(context, models) for context in request.contexts]
        for context, (_, result, syntax) in zip(request.contexts, chosen, strict=True):
            if result == 0:
                self._contexts[context.id] = (context.abstract, syntax)
        most = self._desk.max_pdu_bytes
        self._wire.send(pdu.accept_pdu(request, chosen, most, (self._implementation, _NAME)))
        return True

    def _take_all(self) -> bool:
        """Take PDUs until the end; True when the peer released."""
        while True:
            kind, body = self._wire.read()
            if kind == pdu.DATA:
                for fragment in pdu.fragments(body):
                    self._take(fragment)
            elif kind == pdu.RELEASE_RQ and self._context is None:
                return True
            elif kind == pdu.ABORT:
                return False
            else:
                raise Malformed(f"a PDU of kind {kind} that may not come now")

    def _take(self, fragment: Fragment) -> None:
        if fragment.context not in self._contexts or self._context not in (None, fragment.context):
            raise Malformed("a fragment of a context that may not come now")
        if fragment.is_command is not (self._message is None):
            raise Malformed("a fragment of a command within a data set, or the other way round")
        self._context = fragment.context
        if fragment.is_command:
            self._take_command(fragment)
        else:
            self._take_data(fragment)

    def _take_command(self, fragment: Fragment) -> None:
        self._command += fragment.data
        if len(self._command) > _MOST_COMMAND:
            raise Malformed("a command that is too long")
        if not fragment.is_last:
            return
        command = pdu.parse_command(bytes(self._command))
        self._command.clear()
        message = Message(command, fragment.context, self._contexts[fragment.context][1])
        if command.get(0x0800, pdu.NO_DATA_SET) == pdu.NO_DATA_SET:
            self._done(message, None, _NO_DATA)
        else:
            self._message, self._sink = message, self._sink_of(message)

    def _take_data(self, fragment: Fragment) -> None:
        message, sink = self._message, self._sink
        assert message is not None and sink is not None  # noqa: S101, PT018 - see `_take`
        sink.write(fragment.data)
        if fragment.is_last:
            self._message = self._sink = None
            self._done(message, sink, sink.finish())

    def _sink_of(self, message: Message) -> Sink:
        kind, abstract = message.number(0x0100), self._contexts[message.context][0]
        if (kind, abstract) in _GATHERED:
            return _Gather()
        if kind != _STORE or abstract in _NO_STORAGE:
            return _Refuse(_UNKNOWN_OPERATION)
        if not is_uid(message.text(0x1000)) or not is_uid(message.text(0x0002)):
            return _Refuse(_BAD_UID)
        return self._desk.store(message)

    def _done(self, message: Message, sink: Sink | None, status: int) -> None:
        """A message is whole: answer it."""
        self._context = None
        kind = message.number(0x0100) or 0
        if kind & _ANSWER or kind == pdu.CANCEL:  # an answer to us, or what is over by now
            return
        reports: list[bytes] = []
        whole = sink.data if isinstance(sink, _Gather) and not isinstance(sink, _Refuse) else None
        if whole is not None and kind in (_FIND, _MOVE):
            self._answer(message, kind, bytes(whole))
            return
        if kind == _ECHO:
            status = 0
        elif whole is not None:
            status, reports = self._desk.commit(message, bytes(whole))
        elif kind != _STORE:
            status = _UNKNOWN_OPERATION
        self._send(message.context, _answer(message, kind, status), b"")
        if reports:
            self._send(message.context, *reports)

    def _answer(self, message: Message, kind: int, data: bytes) -> None:
        """Answer a query or a request to send, which takes its time."""
        counts: Counts | None = None
        if kind == _FIND:
            status = self._desk.find(message, data, lambda found: self._tell(message, found))
        else:
            status, counts = self._desk.move(message, data, lambda now: self._count(message, now))
        self._send(message.context, _answer(message, kind, status, counts), b"")

    def _tell(self, message: Message, found: bytes) -> bool:
        """Give one answer to a query; tells whether to go on."""
        if self._is_taken_back(message):
            return False
        command = _answer(message, _FIND, _PENDING, data_set=1)
        self._send(message.context, command, found)
        return True

    def _count(self, message: Message, counts: Counts) -> bool:
        """Tell how far a request to send is; tells whether to go on."""
        if self._is_taken_back(message):
            return False
        self._send(message.context, _answer(message, _MOVE, _PENDING, counts), b"")
        return True

    def _is_taken_back(self, message: Message) -> bool:
        """Tell whether the peer cancelled a request, or is leaving; all else waits its turn."""
        while (found := self._wire.ahead()) is not None:
            kind, body = found
            number = pdu.cancelled(body) if kind == pdu.DATA else None
            if number is None:
                return kind == pdu.ABORT
            self._wire.read()
            if number == (message.number(0x0110) or 0):
                return True
        return False

    def _send(self, context: int, command: bytes, data: bytes) -> None:
        self._wire.send(b"".join(pdu.data_pdus(context, command, data, self._peer_most)))


def _answer(
    message: Message,
    kind: int,
    status: int,
    counts: Counts | None = None,
    *,
    data_set: int = pdu.NO_DATA_SET,
) -> bytes:
    """Write the command that answers a message."""
    elements: list[tuple[int, int | str]] = [
        (0x0002, message.text(0x0002) or message.text(0x0003)),
        (0x0100, kind | _ANSWER),
        (0x0120, message.number(0x0110) or 0),
        (0x0800, data_set),
        (0x0900, status),
        (0x1000, message.text(0x1000) or message.text(0x1001)),
    ]
    if counts is not None:
        left = [(0x1020, counts.n_left)] if status in (_PENDING, _CANCELLED) else []
        elements += [*left, (0x1021, counts.n_sent), (0x1022, counts.n_failed), (0x1023, 0)]
    if kind == _ACTION:
        elements.append((0x1008, message.number(0x1008) or 0))
    return pdu.write_command([one for one in elements if one[1] != ""])
