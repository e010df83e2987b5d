"""The tag walker for the interpreter: what `walk` does, in the steps that Python takes quickest.

`walk` is written for the compiler, which has no `struct`; the interpreter takes two thirds of its
time with it. Elements of undefined length, behind which nesting begins, are left to `walk`.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from appliance.formats.dicom_walk import AT_PIXELS, CUT, END, ODD, VR_FORMS, walk

__all__ = ["stroll"]

_EXPLICIT, _IMPLICIT, _LENGTH = Struct("<HHHH"), Struct("<HHI"), Struct("<I")
_LONG = 2
_ITEM = 0xFFFEE000
_UNDEFINED = 0xFFFFFFFF
_PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))


def stroll(
    data: bytes, at: int, explicit: bool, wanted: tuple[int, ...], found: list[int]
) -> tuple[int, int, int]:
    """Walk the elements of a little-endian data set; arguments and answers are those of `walk`."""
    steps = _explicitly if explicit else _implicitly
    return steps(data, at, wanted, _slots(wanted), found)


@lru_cache(maxsize=8)
def _slots(wanted: tuple[int, ...]) -> dict[int, int]:
    return {tag: 2 * index for index, tag in enumerate(wanted)}


def _explicitly(
    data: bytes, at: int, wanted: tuple[int, ...], slots: dict[int, int], found: list[int]
) -> tuple[int, int, int]:
    size, last = len(data), -1
    unpack, forms, slot_of = _EXPLICIT.unpack_from, VR_FORMS, slots.get
    while at + 8 <= size:
        group, element, kind, length = unpack(data, at)
        tag = group * 65536 + element
        form = forms[kind]
        start = at + 8
        if form == _LONG:
            start = at + 12
            if start > size and tag < _ITEM:
                return CUT, 0, 0
            length = _LENGTH.unpack_from(data, at + 8)[0] if start <= size else 0
        if not form or tag <= last or tag >= _ITEM:
            return ODD, 0, 0
        if tag in _PIXELS:
            return AT_PIXELS, start, length
        if length == _UNDEFINED:
            return walk(data, at, True, forms, wanted, found)
        last, at = tag, start + length
        slot = slot_of(tag)
        if at > size:
            return (CUT, at, tag) if slot is None else (CUT, 0, 0)
        if slot is not None:
            found[slot], found[slot + 1] = start, length
    return (END if at == size else CUT), 0, 0


def _implicitly(
    data: bytes, at: int, wanted: tuple[int, ...], slots: dict[int, int], found: list[int]
) -> tuple[int, int, int]:
    size, last = len(data), -1
    unpack, slot_of = _IMPLICIT.unpack_from, slots.get
    while at + 8 <= size:
        group, element, length = unpack(data, at)
        tag, start = group * 65536 + element, at + 8
        if tag <= last or tag >= _ITEM:
            return ODD, 0, 0
        if tag in _PIXELS:
            return AT_PIXELS, start, length
        if length == _UNDEFINED:
            return walk(data, at, False, VR_FORMS, wanted, found)
        last, at = tag, start + length
        slot = slot_of(tag)
        if at > size:
            return (CUT, at, tag) if slot is None else (CUT, 0, 0)
        if slot is not None:
            found[slot], found[slot + 1] = start, length
    return (END if at == size else CUT), 0, 0
