"""The file meta information in front of a DICOM object: its transfer syntax and where it ends."""

from __future__ import annotations

__all__ = ["BIG_ENDIAN", "DEFLATED", "IMPLICIT", "read_meta"]

IMPLICIT = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

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
