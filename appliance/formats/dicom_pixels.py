"""Whether the pixel data of a DICOM object are all there, without decoding them."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["UNDEFINED", "fragments_end", "shortage"]

UNDEFINED = 0xFFFFFFFF
_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"


def shortage(
    read_at: Callable[[int, int], bytes], size: int, at: int, length: int, expected: float | None
) -> str:
    """Say what is missing of the pixel data, or nothing.

    Parameters
    ----------
    read_at : callable
        ``(offset, count) -> bytes`` on the file.
    size : int
        Bytes in the file.
    at : int
        Offset of the pixel value.
    length : int
        Declared length, `UNDEFINED` for encapsulated fragments.
    expected : float or None
        Bytes the uncompressed matrix takes; None when unknown or compressed.

    Returns
    -------
    str
        Empty when complete.
    """
    if length == UNDEFINED:
        if fragments_end(read_at, size, at):
            return ""
        return f"the compressed pixel data end at byte {size} without their closing mark"
    if at + length > size:
        return f"pixel data need {length} bytes, the file holds {max(0, size - at)}"
    # 4:2:2 colour stores two thirds of its nominal samples.
    if expected is not None and length * 3 < int(expected) * 2:
        return f"pixel data of {length} bytes for a matrix of {int(expected)} bytes"
    return ""


def fragments_end(read_at: Callable[[int, int], bytes], size: int, at: int) -> bool:
    """Tell whether a chain of encapsulated fragments reaches its sequence delimiter."""
    while at + 8 <= size:
        head = read_at(at, 8)
        if head[:4] == _SEQUENCE_END:
            return True
        if head[:4] != _ITEM:
            return False
        at += 8 + int.from_bytes(head[4:], "little")
    return False
