"""Elements of a little-endian data set with their items: where they begin and end, nothing more."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from appliance.formats.dicom_walk import VR_FORMS

__all__ = ["SEQUENCE_END", "Element", "Odd", "data_end", "element_at", "elements", "items"]

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = 0x7FE00010
_LONG = 2
_MOST_DEPTH = 32
_WORDS = struct.Struct("<HHHH")

Element = tuple[int, int, int, int]
"""Tag, and where the element, its value and what follows it begin."""


class Odd(ValueError):
    """The bytes are no data set, or it goes on behind them."""


def elements(data: bytes, at: int, end: int, *, explicit: bool) -> Iterator[Element]:
    """Give the elements of a data set, or of one item, in order.

    Parameters
    ----------
    data : bytes
        Start of a file.
    at, end : int
        Where the first one begins, and where the last one ends.
    explicit : bool
        Whether value representations are written.

    Raises
    ------
    Odd
        If an element does not end before `end`. Pixel data may: they end where they should.
    """
    while at < end:
        tag, start, length = element_at(data, at, explicit)
        after = data_end(data, start, length, explicit, SEQUENCE_END)[1]
        if after > end and tag != _PIXELS:
            raise Odd
        yield tag, at, start, after
        at = after


def items(data: bytes, start: int, after: int, *, explicit: bool) -> Iterator[tuple[int, int]]:
    """Give where the data set of each item of a sequence begins and ends."""
    at = start
    while at < after:
        tag, inner, length = element_at(data, at, explicit)
        if tag == SEQUENCE_END:
            return
        if tag != _ITEM:
            raise Odd
        end, at = data_end(data, inner, length, explicit)
        yield inner, end


def data_end(
    data: bytes, start: int, length: int, explicit: bool, mark: int = _ITEM_END
) -> tuple[int, int]:
    """Tell where the content of an item or sequence ends, and what follows it begins."""
    if length != _UNDEFINED:
        return start + length, start + length
    after = _after(data, start, mark, explicit, 0)
    return after - 8, after


def element_at(data: bytes, at: int, explicit: bool) -> tuple[int, int, int]:
    """Read tag, start and length of the value of one element."""
    if at + 12 > len(data):
        if at + 8 > len(data):
            raise Odd
        explicit = explicit and data[at : at + 2] != b"\xfe\xff"
    group, element, kind, length = _WORDS.unpack_from(data, at)
    tag = group << 16 | element
    if not explicit or tag >= _ITEM:
        return tag, at + 8, length << 16 | kind
    form = VR_FORMS[kind]
    if form == _LONG:
        return tag, at + 12, int.from_bytes(data[at + 8 : at + 12], "little")
    if form == 0:
        raise Odd
    return tag, at + 8, length


def _after(data: bytes, at: int, mark: int, explicit: bool, depth: int) -> int:
    """Find what follows the mark that ends a sequence or an item of undefined length."""
    if depth > _MOST_DEPTH:
        raise Odd
    while True:
        tag, start, length = element_at(data, at, explicit)
        if tag == mark:
            return start
        if tag in {_ITEM_END, SEQUENCE_END}:
            raise Odd
        if length == _UNDEFINED:
            inner = _ITEM_END if tag == _ITEM else SEQUENCE_END
            at = _after(data, start, inner, explicit, depth + 1)
        else:
            at = start + length
