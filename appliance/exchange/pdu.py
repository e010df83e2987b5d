"""The bytes of the DICOM upper layer and of DIMSE commands: read strictly, written plainly.

PS3.8 chapter 9 (PDUs) and PS3.7 annex D and E. Nothing here waits, stores or decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from appliance.exchange.wire import Malformed

__all__ = [
    "ABORT",
    "ASSOCIATE_RQ",
    "CANCEL",
    "DATA",
    "NO_DATA_SET",
    "RELEASE_RQ",
    "AssociateRequest",
    "Command",
    "Fragment",
    "Proposed",
    "abort_pdu",
    "accept_pdu",
    "cancelled",
    "data_pdus",
    "fragments",
    "parse_associate",
    "parse_command",
    "reject_pdu",
    "release_answer",
    "write_command",
]

ASSOCIATE_RQ: Final = 0x01
DATA: Final = 0x04
RELEASE_RQ: Final = 0x05
ABORT: Final = 0x07
NO_DATA_SET: Final = 0x0101
CANCEL: Final = 0x0FFF

_APPLICATION = b"1.2.840.10008.3.1.1.1"
_MOST_CONTEXTS, _MOST_SYNTAXES = 128, 256
_FIXED = 68  # bytes before the items of an association request
_TEXTS = {0x00000002, 0x00000003, 0x00000600, 0x00001000, 0x00001001, 0x00001030}
_LONGS = {0x00000000}


class Proposed(msgspec.Struct, frozen=True):
    """A presentation context as it is proposed."""

    id: int
    abstract: str
    transfers: list[str]


class AssociateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer wants of us."""

    version: int
    called: str
    calling: str
    application: bytes
    contexts: list[Proposed]
    max_pdu_bytes: int = 0
    roles: list[bytes] = []
    head: bytes = b""


class Fragment(msgspec.Struct, frozen=True):
    """A piece of a command or of a data set."""

    context: int
    is_command: bool
    is_last: bool
    data: memoryview


Command = dict[int, int | str]
"""Element of group 0 to its value."""


def parse_associate(body: memoryview) -> AssociateRequest:
    """Read an A-ASSOCIATE-RQ.

    Raises
    ------
    Malformed
        If its items do not fit into each other, or a context stands twice.
    """
    if len(body) < _FIXED:
        raise Malformed("an association request that is cut off")
    contexts: list[Proposed] = []
    application, user = b"", memoryview(b"")
    for kind, value in _items(body[_FIXED:]):
        if kind == 0x10:
            application = bytes(value).strip(b"\0 ")
        elif kind == 0x20:
            contexts.append(_proposed(value))
        elif kind == 0x50:
            user = value
    ids = [context.id for context in contexts]
    if len(set(ids)) < len(ids) or len(ids) > _MOST_CONTEXTS or not all(i % 2 for i in ids):
        raise Malformed("presentation contexts with numbers that may not be")
    most, roles = _user_facts(user)
    return AssociateRequest(
        version=int.from_bytes(body[:2], "big"),
        called=_title(body[4:20]),
        calling=_title(body[20:36]),
        application=application,
        contexts=contexts,
        max_pdu_bytes=most,
        roles=roles,
        head=bytes(body[4:_FIXED]),
    )


def _proposed(value: memoryview) -> Proposed:
    if len(value) < 4:
        raise Malformed("a presentation context that is cut off")
    abstract = ""
    transfers: list[str] = []
    for kind, name in _items(value[4:]):
        if kind == 0x30:
            abstract = _uid(name)
        elif kind == 0x40 and len(transfers) < _MOST_SYNTAXES:
            transfers.append(_uid(name))
    return Proposed(value[0], abstract, transfers)


def _user_facts(value: memoryview) -> tuple[int, list[bytes]]:
    most, roles = 0, []
    for kind, part in _items(value):
        if kind == 0x51 and len(part) == 4:
            most = int.from_bytes(part, "big")
        elif kind == 0x54 and len(part) > 4:
            roles.append(bytes(part))
    return most, roles


def _items(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 4 > len(data) or end > len(data):
            raise Malformed("an item that is longer than what it stands in")
        yield data[at], data[at + 4 : end]
        at = end


def _title(value: memoryview) -> str:
    return "".join(c if c.isprintable() else "?" for c in bytes(value).decode("latin-1")).strip()


def _uid(value: memoryview) -> str:
    return bytes(value).decode("ascii", "replace").strip("\0 ")


def accept_pdu(
    request: AssociateRequest,
    chosen: Iterable[tuple[int, int, str]],
    max_pdu_bytes: int,
    implementation: tuple[str, str],
) -> bytes:
    """Write an A-ASSOCIATE-AC.

    Parameters
    ----------
    chosen : iterable of (int, int, str)
        Number of a context, result (0: accepted), transfer syntax.
    implementation : (str, str)
        UID and name of our version.
    """
    body = b"\0\1\0\0" + request.head + _item(0x10, _APPLICATION)
    for number, result, syntax in chosen:
        body += _item(0x21, bytes((number, 0, result, 0)) + _item(0x40, syntax.encode()))
    user = _item(0x51, max_pdu_bytes.to_bytes(4, "big")) + _item(0x52, implementation[0].encode())
    for role in request.roles:  # they may ask, we may not
        user += _item(0x54, role[:-2] + bytes((role[-2] & 1, 0)))
    user += _item(0x55, implementation[1].encode()[:16])
    return _pdu(0x02, body + _item(0x50, user))


def reject_pdu(result: int, source: int, reason: int) -> bytes:
    """Write an A-ASSOCIATE-RJ."""
    return _pdu(0x03, bytes((0, result, source, reason)))


def release_answer() -> bytes:
    """Write an A-RELEASE-RP."""
    return _pdu(0x06, bytes(4))


def abort_pdu(reason: int = 0, *, ours: bool = True) -> bytes:
    """Write an A-ABORT, from the service provider or from its user."""
    return _pdu(ABORT, bytes((0, 0, 2 if ours else 0, reason)))


def _pdu(kind: int, body: bytes) -> bytes:
    return bytes((kind, 0)) + len(body).to_bytes(4, "big") + body


def _item(kind: int, value: bytes) -> bytes:
    return bytes((kind, 0)) + len(value).to_bytes(2, "big") + value


def fragments(body: memoryview) -> Iterator[Fragment]:
    """Give the pieces that one P-DATA-TF holds.

    Raises
    ------
    Malformed
        If they do not fill it.
    """
    at, size = 0, len(body)
    while at < size:
        length = int.from_bytes(body[at : at + 4], "big")
        end = at + 4 + length
        if length < 2 or end > size:
            raise Malformed("a fragment that is longer than its PDU")
        control = body[at + 5]
        yield Fragment(body[at + 4], bool(control & 1), bool(control & 2), body[at + 6 : end])
        at = end


def data_pdus(context: int, command: bytes, data: bytes, most_bytes: int) -> Iterator[bytes]:
    """Write a message as P-DATA-TF PDUs that the peer takes (`most_bytes` 0: of any size)."""
    room = max(1024, most_bytes - 6) if most_bytes else 1 << 16
    for content, control in ((command, 1), (data, 0)):
        for start in range(0, len(content), room):
            part = content[start : start + room]
            last = 2 if start + room >= len(content) else 0
            head = (len(part) + 2).to_bytes(4, "big") + bytes((context, control | last))
            yield _pdu(DATA, head + part)


def parse_command(data: bytes) -> Command:
    """Read a command set (implicit, little-endian).

    Raises
    ------
    Malformed
        If its elements do not fit, or it names no command.
    """
    found: Command = {}
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise Malformed("a command that is cut off")
        group, element = (int.from_bytes(data[at + i : at + i + 2], "little") for i in (0, 2))
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if end > len(data) or group:
            raise Malformed("a command with an element that cannot be in one")
        found[element] = _command_value(element, data[at + 8 : end])
        at = end
    if not isinstance(found.get(0x0100), int):
        raise Malformed("a command without a name")
    return found


def cancelled(body: memoryview) -> int | None:
    """Give the number of the message that a P-DATA-TF cancels; None: it is anything else.

    PS3.7 9.3.2.3: a cancel is a command alone, and nothing else is in its PDU.
    """
    try:
        found = list(fragments(body))
        if len(found) != 1 or not (found[0].is_command and found[0].is_last):
            return None
        command = parse_command(bytes(found[0].data))
    except Malformed:  # whoever takes it will say so
        return None
    number = command.get(0x0120, 0)
    return int(number) if command[0x0100] == CANCEL else None


def _command_value(element: int, value: bytes) -> int | str:
    if element in _TEXTS:
        return value.decode("ascii", "replace").strip("\0 ")
    return int.from_bytes(value[:4], "little")


def write_command(elements: Sequence[tuple[int, int | str]]) -> bytes:
    """Write a command set from elements in ascending order, without the group length."""
    body = b"".join(_element(number, value) for number, value in elements)
    return _element(0, len(body)) + body


def _element(number: int, value: int | str) -> bytes:
    if isinstance(value, str):
        data = value.encode("ascii", "replace")
        data += b"\0" * (len(data) % 2)
    else:
        data = value.to_bytes(4 if number in _LONGS else 2, "little")
    head = b"\0\0" + number.to_bytes(2, "little") + len(data).to_bytes(4, "little")
    return head + data
