"""The tag walker: finds wanted DICOM elements in the first bytes of a file, without objects.

`walk` is ordinary Python that numba can compile as it stands. The interpreter takes 0.03 ms per
file with `dicom_stroll` (pydicom 0.7 ms) and machine code 2 µs, but loading the compiler and
compiling takes one to three seconds; so a scan starts with the interpreter and changes over when
it has become worth it (see `dicom_scan`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AT_PIXELS",
    "CUT",
    "END",
    "ODD",
    "VR_FORMS",
    "Walker",
    "compiled_meta",
    "compiled_walk",
    "walk",
    "walk_meta",
    "walker_for",
]

AT_PIXELS: Final = 0  # stopped at pixel data
END: Final = 1  # the bytes end where an element ends
CUT: Final = 2  # an element goes on behind the bytes
ODD: Final = 3  # not what it should be: let pydicom look at it

_MAX_DEPTH: Final = 32
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_SQ: Final = 0x5153
_LONG: Final = 2

_SHORT_VRS = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
_LONG_VRS = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"

Int64s = NDArray[np.int64]
Walker = Callable[
    [bytes, int, bool, bytes, "Sequence[int] | Int64s", "list[int] | Int64s"],
    tuple[int, int, int],
]
MetaWalker = Callable[[bytes, bytes], tuple[int, int, int]]


def _vr_forms() -> bytes:
    """Table over two letters as a little-endian number: 0 unknown, 1 short form, 2 long form."""
    table = bytearray(1 << 16)
    for names, form in ((_SHORT_VRS, 1), (_LONG_VRS, _LONG)):
        for name in names.split():
            table[int.from_bytes(name.encode(), "little")] = form
    return bytes(table)


VR_FORMS = _vr_forms()


def walk(  # noqa: C901, PLR0912, PLR0917 - one loop, so that it compiles without helpers
    data: bytes,
    at: int,
    explicit: bool,
    forms: bytes,
    wanted: Sequence[int] | Int64s,
    found: list[int] | Int64s,
) -> tuple[int, int, int]:
    """Walk the elements of a little-endian data set.

    Parameters
    ----------
    data : bytes
        Start of the file.
    at : int
        Offset of the first element.
    explicit : bool
        Whether value representations are written.
    forms : bytes
        `VR_FORMS`.
    wanted : sequence of int, or ndarray
        (W,) tags (group << 16 | element), ascending. The interpreter reads a tuple several times
        as fast as an array, machine code only an array.
    found : list of int, or ndarray
        (2 W,) filled with offset and length of each wanted top-level value, one pair after the
        other; those of absent tags keep what they had.

    Returns
    -------
    tuple of (int, int, int)
        How it ended, offset and declared length of the pixel value (0 and 0 without one). When an
        element that is not wanted goes on behind the bytes (`CUT`): where the one after it begins,
        and the tag of that element.

    Notes
    -----
    Numbers are put together with ``*`` and ``+``: shifts would make numba mix signed and unsigned.
    A sequence of defined length is skipped in one step; inside one of undefined length only the
    nesting is followed.
    """
    size, n_wanted = len(data), len(wanted)
    depth, slot, last, goal = 0, 0, -1, 0
    while at + 8 <= size:
        tag = data[at + 1] * 16777216 + data[at] * 65536 + data[at + 3] * 256 + data[at + 2]
        start = at + 8
        if explicit and tag < _ITEM:
            kind = data[at + 5] * 256 + data[at + 4]
            form = forms[kind]
            if form == 0:
                return ODD, 0, 0
            length = data[at + 7] * 256 + data[at + 6]
            if form == _LONG:
                start = at + 12
                if start > size:
                    return CUT, 0, 0
        else:
            kind, form = _SQ, _LONG
        if form == _LONG:
            length = (
                data[start - 1] * 16777216
                + data[start - 2] * 65536
                + data[start - 3] * 256
                + data[start - 4]
            )
        if tag >= _ITEM:
            if depth == 0:
                return ODD, 0, 0
            if tag != _ITEM:
                depth -= 1
                length = 0
            elif length == _UNDEFINED:
                depth += 1
                length = 0
            at = start + length
            continue
        if depth == 0:
            if tag <= last:
                return ODD, 0, 0
            last = tag
            if tag == 0x7FE00010 or tag == 0x7FE00008 or tag == 0x7FE00009:  # noqa: PLR1714
                return AT_PIXELS, start, length
        if length == _UNDEFINED:
            depth += 1
            if kind != _SQ or depth > _MAX_DEPTH:
                return ODD, 0, 0
            at = start
            continue
        at = start + length
        if at > size:
            for one in wanted:
                if one == tag:
                    return CUT, 0, 0
            return (CUT, at, tag) if depth == 0 else (CUT, 0, 0)
        if depth == 0 and tag >= goal:
            while slot < n_wanted and wanted[slot] < tag:
                slot += 1
            if slot < n_wanted and wanted[slot] == tag:
                found[2 * slot] = start
                found[2 * slot + 1] = length
                slot += 1
            goal = wanted[slot] if slot < n_wanted else _UNDEFINED
    if at == size and depth == 0:
        return END, 0, 0
    return CUT, 0, 0


def walk_meta(data: bytes, forms: bytes) -> tuple[int, int, int]:
    """Walk group 2.

    Parameters
    ----------
    data : bytes
        Start of a file.
    forms : bytes
        `VR_FORMS`.

    Returns
    -------
    tuple of (int, int, int)
        Where the data set begins (0 without the magic word, or if it begins behind the bytes),
        offset and length of the transfer syntax (0 and 0 without one).
    """
    size, at, syntax, length = len(data), 132, 0, 0
    if size < 140 or data[128] != 68 or data[129] != 73 or data[130] != 67 or data[131] != 77:
        return 0, 0, 0
    while at + 12 <= size and data[at] == 2 and data[at + 1] == 0:
        start, count = at + 8, data[at + 7] * 256 + data[at + 6]
        if forms[data[at + 5] * 256 + data[at + 4]] == _LONG:
            start = at + 12
            count = (
                data[at + 11] * 16777216 + data[at + 10] * 65536 + data[at + 9] * 256 + data[at + 8]
            )
        if start + count > size:
            return 0, 0, 0
        if data[at + 2] == 16 and data[at + 3] == 0:
            syntax, length = start, count
        at = start + count
    if at == 132 or at + 8 > size or (data[at] == 2 and data[at + 1] == 0):
        return 0, 0, 0
    return at, syntax, length


@lru_cache(maxsize=1)
def compiled_meta() -> MetaWalker:
    """Compile `walk_meta`, or load it from numba's cache."""
    from numba import njit

    compiled: MetaWalker = njit(cache=True)(walk_meta)
    return compiled


@lru_cache(maxsize=1)
def compiled_walk() -> Walker:
    """Compile `walk`, or load it from numba's cache."""
    from numba import njit

    compiled: Walker = njit(cache=True)(walk)
    return compiled


_COMPILE_AFTER = 4000
_walked = [0]  # files since the process began


def walker_for(count: int) -> Walker:
    """Choose the walker after so many more files: machine code where it is there or pays off.

    Starting the compiler takes as long as walking thousands of files, also when the code is in its
    cache; where others have started it, some dozen.
    """
    _walked[0] += count
    started = "numba.core.registry" in sys.modules and _walked[0] >= _COMPILE_AFTER // 20
    if started or _walked[0] >= _COMPILE_AFTER or compiled_walk.cache_info().currsize > 0:
        return compiled_walk()
    return walk
