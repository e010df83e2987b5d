"""The file meta information in front of a DICOM object: read, and written for received ones."""

from __future__ import annotations

__all__ = ["BIG_ENDIAN", "DEFLATED", "IMPLEMENTATION", "IMPLICIT", "read_meta", "write_meta"]

IMPLICIT = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
IMPLEMENTATION = "2.25.243389466034117613146373184129263"

_LONG_FORM = frozenset((b"OB", b"OW", b"OF", b"OD", b"OL", b"SQ", b"UC", b"UR", b"UN", b"UT"))


def read_meta(head: bytes) -> tuple[str, int] | None:
    """Read group 2 of a file.

    Parameters
    ----------
    head : bytes
        Start of the file.

    Returns
    -------
    tuple of (str, int) or None
        Transfer syntax ("" when absent) and offset of the first element after group 2. None
        without the magic word or when group 2 does not end within `head`.
    """
    if head[128:132] != b"DICM":
        return None
    at, syntax = 132, ""
    while head[at : at + 2] == b"\x02\x00":
        start, length = _value(head, at)
        if start + length > len(head):
            return None
        if head[at + 2 : at + 4] == b"\x10\x00":
            syntax = head[start : start + length].decode("ascii", "replace").strip("\0 ")
        at = start + length
    return (syntax, at) if at > 132 and at + 8 <= len(head) else None


def _value(head: bytes, at: int) -> tuple[int, int]:
    """Find start and length of an explicit element's value."""
    if head[at + 4 : at + 6] in _LONG_FORM:
        return at + 12, int.from_bytes(head[at + 8 : at + 12], "little")
    return at + 8, int.from_bytes(head[at + 6 : at + 8], "little")


def write_meta(sop_class: str, sop_uid: str, syntax: str, source: str = "") -> bytes:
    """Write preamble and group 2 for a data set that came without them.

    Parameters
    ----------
    sop_class, sop_uid, syntax : str
        SOPClassUID, SOPInstanceUID and transfer syntax.
    source : str
        Title of the application that sent it.
    """
    body = b"".join(
        (
            b"\x02\x00\x01\x00OB\0\0\x02\0\0\0\0\x01",
            _short(0x0002, b"UI", sop_class),
            _short(0x0003, b"UI", sop_uid),
            _short(0x0010, b"UI", syntax),
            _short(0x0012, b"UI", IMPLEMENTATION),
            _short(0x0016, b"AE", source) if source else b"",
        )
    )
    length = b"\x02\x00\x00\x00UL\x04\x00" + len(body).to_bytes(4, "little")
    return bytes(128) + b"DICM" + length + body


def _short(element: int, vr: bytes, text: str) -> bytes:
    """Write an element of group 2 whose length takes two bytes."""
    value = text.encode("ascii", "replace")
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    head = b"\x02\x00" + element.to_bytes(2, "little") + vr
    return head + len(value).to_bytes(2, "little") + value
