"""Sends objects to one archive, by C-STORE or STOW-RS, and tells what it said of each."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import FormatError, PeerError, new_key
from appliance.exchange.pacs_link import Archive, Link, NotOffered
from appliance.exchange.pacs_web import WebLink
from appliance.exchange.push_unpack import PLAIN, Unpacker
from appliance.exchange.push_values import ObjectState, Outgoing, Reply, SentObject

if TYPE_CHECKING:
    from pynetdicom.association import Association

__all__ = ["send_all"]

_LOG = logging.getLogger(__name__)

Heard = Callable[[Sequence[Reply]], bool]
"""Takes replies as they come; gives whether to go on."""

_MAX_CONTEXTS = 128
_MOST_KINDS = _MAX_CONTEXTS // (1 + len(PLAIN))  # each is offered as it is, and plain
_WARNINGS = frozenset({0xB000, 0xB006, 0xB007, 0x0107, 0x0116})
_FULL = range(0xA700, 0xA800)
_NOT_THIS_FORM = 0xC122
_MEANINGS = {
    0x0105: "it knows no such attribute",
    0x0110: "it failed",
    0x0112: "it knows no such kind of object",
    0x0117: "it does not take the object's UID",
    0x0122: "it takes no objects of this kind",
    0x0124: "it is not allowed",
    0xA900: "the object does not match its kind",
    0xC000: "it does not understand the object",
    _NOT_THIS_FORM: "it takes no objects in this form",
}
_NO_CONTEXT = "it takes no objects of this kind"
_UNPACKED = "unpacked for it: it does not take the form that the object is stored in"
_NOT_UNPACKED = "it does not take the form that the object is stored in, and "
_IN_NO_FORM = "it takes the object neither as it is stored nor unpacked (0xC122)"
_DAMAGED = "it cannot be read as it is stored"
_MOST_OBJECTS, _MOST_BYTES = 32, 64 << 20  # of one STOW request
_UIDS = re.compile(r"[0-9.]+")


def send_all(link: Archive, objects: Sequence[Outgoing], heard: Heard) -> None:
    """Send objects; what nobody answered for when this ends is to go again.

    Raises
    ------
    PeerError
        If the archive does not answer, lets us not in, or is full.
    """
    ready, damaged = _looked_at(objects)
    if damaged and not heard(damaged):
        return
    if isinstance(link, WebLink):
        _over_web(link, ready, heard)
    elif isinstance(link, Link):
        _over_dimse(link, ready, heard)


def _looked_at(objects: Sequence[Outgoing]) -> tuple[list[SentObject], list[Reply]]:
    """Read what an association has to agree on; what cannot be read is refused by us."""
    from appliance.formats import DicomRecord, scan_dicom

    ready: list[SentObject] = []
    damaged: list[Reply] = []
    found = scan_dicom(one.path for one in objects)
    for one, record in zip(objects, found, strict=True):
        if isinstance(record, DicomRecord) and record.transfer_syntax:
            kind = (record.sop_uid, record.sop_class, record.transfer_syntax)
            ready.append(SentObject(one.n, one.path, *kind))
        else:
            damaged.append(Reply(one.n, ObjectState.REFUSED, None, _DAMAGED))
    return ready, damaged


def _over_dimse(link: Link, objects: Sequence[SentObject], heard: Heard) -> None:
    for some in _by_kinds(objects):
        own = {(one.sop_class, one.syntax) for one in some}
        plain = {(one.sop_class, syntax) for one in some for syntax in PLAIN}
        try:
            with link.sending(sorted(own | plain)) as association, Unpacker() as unpacker:
                for one in some:
                    if not heard([_stored(link, association, one, unpacker)]):
                        return
        except NotOffered:
            refused = [Reply(one.n, ObjectState.REFUSED, None, _NO_CONTEXT) for one in some]
            if not heard(refused):
                return


def _by_kinds(objects: Sequence[SentObject]) -> Iterator[list[SentObject]]:
    """Give objects in groups whose kinds fit into one association."""
    ordered = sorted({(one.sop_class, one.syntax) for one in objects})
    for start in range(0, len(ordered), _MOST_KINDS):
        kinds = frozenset(ordered[start : start + _MOST_KINDS])
        yield [one for one in objects if (one.sop_class, one.syntax) in kinds]


def _stored(link: Link, association: Association, one: SentObject, unpacker: Unpacker) -> Reply:
    """Send an object as it is, else unpacked; what the archive takes was agreed on."""
    taken = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == one.sop_class
    }
    if one.syntax in taken:
        return _sent(link, association, one.n, one.path)
    syntax = next((syntax for syntax in PLAIN if syntax in taken), "")
    if not syntax:
        return Reply(one.n, ObjectState.REFUSED, None, _NO_CONTEXT)
    try:
        path = unpacker.unpacked(one.path, syntax)
    except FormatError as error:
        return Reply(one.n, ObjectState.REFUSED, None, _NOT_UNPACKED + error.message)
    return _noted(link, one, _sent(link, association, one.n, path))


def _noted(link: Archive, one: SentObject, reply: Reply) -> Reply:
    """Tell that an object that was taken had been unpacked."""
    if reply.state is not ObjectState.ACKNOWLEDGED:
        return reply
    _LOG.info("an object was unpacked for %s, which does not take %s", link, one.syntax)
    return msgspec.structs.replace(reply, text="; ".join(filter(None, [_UNPACKED, reply.text])))


def _sent(link: Link, association: Association, n: int, path: Path) -> Reply:
    try:
        status = association.send_c_store(path)
    except ValueError:
        return Reply(n, ObjectState.REFUSED, None, _NO_CONTEXT)
    except (AttributeError, OSError):
        return Reply(n, ObjectState.REFUSED, None, _DAMAGED)
    except RuntimeError as error:
        raise PeerError(f"{link} ended the connection") from error
    code = getattr(status, "Status", None)
    if code is None:
        raise PeerError(f"{link} fell silent", hint="What it did not acknowledge goes again.")
    return _judged(str(link), n, int(code))


def _judged(where: str, n: int, code: int) -> Reply:
    """Tell what a status means.

    Raises
    ------
    PeerError
        If the archive is full: all that waits may go later.
    """
    if code == 0:
        return Reply(n, ObjectState.ACKNOWLEDGED, 0)
    if code in _WARNINGS:
        text = f"taken with a warning (0x{code:04X})"
        return Reply(n, ObjectState.ACKNOWLEDGED, code, text)
    if code in _FULL:
        raise PeerError(f"{where} is out of resources (0x{code:04X})", hint="It goes again later.")
    meaning = _MEANINGS.get(code, "it failed")
    return Reply(n, ObjectState.REFUSED, code, f"{meaning} (0x{code:04X})")


def _over_web(link: WebLink, objects: Sequence[SentObject], heard: Heard) -> None:
    for some in _portions(objects):
        codes = _posted(link, some)
        again = [one for one in some if codes.get(one.sop_uid) == _NOT_THIS_FORM]
        again = [one for one in again if one.syntax != PLAIN[0]]  # else nothing is left to unpack
        if not _noted_all(link, [one for one in some if one not in again], codes, heard):
            return
        if not all(heard([reply]) for reply in _posted_plain(link, again)):
            return


def _noted_all(
    link: WebLink, objects: Sequence[SentObject], codes: dict[str, int], heard: Heard
) -> bool:
    """Have all replies of an answer heard, then tell whether to go on.

    Raises
    ------
    PeerError
        If the archive is full, or did not tell of all: those go again, the others do not.
    """
    replies: list[Reply] = []
    trouble: PeerError | None = None
    for one in objects:
        try:
            replies.append(_told(link, one, codes))
        except PeerError as error:
            trouble = error
    go_on = not replies or heard(replies)
    if go_on and trouble is not None:
        raise trouble
    return go_on


def _told(link: WebLink, one: SentObject, codes: dict[str, int]) -> Reply:
    if one.sop_uid not in codes:
        raise PeerError(f"{link} did not tell what became of all objects")
    return _judged(str(link), one.n, codes[one.sop_uid])


def _posted_plain(link: WebLink, objects: Sequence[SentObject]) -> Iterator[Reply]:
    """Post objects once more, one by one and unpacked."""
    with Unpacker() as unpacker:
        for one in objects:
            try:
                path = unpacker.unpacked(one.path, PLAIN[0])
            except FormatError as error:
                text = _NOT_UNPACKED + error.message
                yield Reply(one.n, ObjectState.REFUSED, _NOT_THIS_FORM, text)
                continue
            plain = msgspec.structs.replace(one, path=path, syntax=PLAIN[0])
            reply = _told(link, one, _posted(link, [plain]))
            if reply.code == _NOT_THIS_FORM:
                reply = msgspec.structs.replace(reply, text=_IN_NO_FORM)
            yield _noted(link, one, reply)


def _portions(objects: Iterable[SentObject]) -> Iterator[list[SentObject]]:
    some: list[SentObject] = []
    size = 0
    for one in objects:
        n_bytes = one.path.stat().st_size
        if some and (len(some) == _MOST_OBJECTS or size + n_bytes > _MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(one)
        size += n_bytes
    if some:
        yield some


def _posted(link: WebLink, objects: Sequence[SentObject]) -> dict[str, int]:
    """Post objects and give the status of each by its UID."""
    boundary = f"nora-{new_key()}"
    answer = link.store(_multipart(objects, boundary), boundary)
    taken = _items(answer, "00081199")
    codes = {uid: _warning(item) for item in taken if (uid := _uid(item))}
    failed = _items(answer, "00081198")
    return codes | {uid: _code(item) for item in failed if (uid := _uid(item))}


def _multipart(objects: Sequence[SentObject], boundary: str) -> Iterator[bytes]:
    for one in objects:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        yield one.path.read_bytes()
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _items(answer: Any, tag: str) -> list[Any]:
    field = answer.get(tag) if isinstance(answer, dict) else None
    values = field.get("Value") if isinstance(field, dict) else None
    return values if isinstance(values, list) else []


def _first(item: Any, tag: str) -> Any:
    values = _items(item, tag)
    return values[0] if values else None


def _uid(item: Any) -> str:
    return "".join(_UIDS.findall(str(_first(item, "00081155") or "")))


def _warning(item: Any) -> int:
    """Give the warning with which an object was taken; 0: without one that we know."""
    found = _first(item, "00081196")
    return found if isinstance(found, int) and found in _WARNINGS else 0


def _code(item: Any) -> int:
    try:
        return int(_first(item, "00081197") or 0x0110)
    except (TypeError, ValueError):
        return 0x0110
