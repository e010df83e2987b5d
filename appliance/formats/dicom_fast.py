"""Header of one DICOM file with the tag walker: the everyday transfer syntaxes, quickly."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path

import numpy as np

from appliance.formats.dicom_fields import NEEDED_TAGS, WANTED_TAGS, matrix_bytes
from appliance.formats.dicom_meta import BIG_ENDIAN, DEFLATED, IMPLICIT
from appliance.formats.dicom_pixels import UNDEFINED, shortage
from appliance.formats.dicom_slow import RawHeader, read_raw_header
from appliance.formats.dicom_stroll import stroll
from appliance.formats.dicom_walk import (
    AT_PIXELS,
    CUT,
    END,
    ODD,
    VR_FORMS,
    Walker,
    compiled_meta,
    walk,
    walk_meta,
)

__all__ = ["HeaderReader"]

_HEAD_BYTES = (1 << 14, 1 << 17, 1 << 21, 1 << 25)
"""Most headers are short; vendors' private ones are not, and those of many frames are long."""

_MOST_TAILS = 4
_HOW = os.O_RDONLY | os.O_CLOEXEC
_WANTED = np.array(WANTED_TAGS, np.int64)
_needed_of = itemgetter(*(WANTED_TAGS.index(tag) for tag in sorted(NEEDED_TAGS)))
_NOT_WALKED = ("", DEFLATED, BIG_ENDIAN)

_MOST_CUTS = 512

Values = list[bytes | None]
Cut = Callable[[bytes], tuple[bytes, ...]]


class HeaderReader:
    """Reads headers one after the other; not to be shared between threads.

    Parameters
    ----------
    walker : callable
        `walk` or its compiled form.
    """

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._meta = walk_meta if self.is_interpreted else compiled_meta()
        self._found = np.zeros(2 * len(WANTED_TAGS), np.int64)
        self._first = 0  # how much is read at first: files of one scan resemble each other
        self._cuts: dict[bytes, Cut] = {}

    @property
    def is_interpreted(self) -> bool:
        """Whether it is the slower walker."""
        return self._walker is walk

    def read(self, path: Path) -> tuple[int, RawHeader | None]:
        """Read one header; what the walker does not understand goes to pydicom.

        Returns
        -------
        tuple of (int, RawHeader or None)
            Size of the file in bytes and its header; None when it does not look like DICOM.
        """
        handle = os.open(path, _HOW)
        try:
            size = os.lseek(handle, 0, os.SEEK_END)
            how, header, read = self._grow(handle, size)
        finally:
            os.close(handle)
        if header is None:
            header = read_raw_header(path)
            if header and how == CUT and read == size and not header.pixels:
                header.missing = f"the header ends at byte {size} in the middle of an element"
        return size, header

    def _grow(self, handle: int, size: int) -> tuple[int, RawHeader | None, int]:
        """Read more of a file until its header is complete; also tells how much was read."""
        for step in range(self._first, len(_HEAD_BYTES)):
            head = os.pread(handle, _HEAD_BYTES[step], 0)
            how, header = self._walk(handle, size, head)
            if how != CUT or len(head) == size:
                break
        if header is not None:
            self._first = min(step, 1)
        return how, header, len(head)

    def _walk(self, handle: int, size: int, head: bytes) -> tuple[int, RawHeader | None]:
        """Walk the elements in `head`; no header unless everything is as it should be."""
        start, at, length = self._meta(head, VR_FORMS)
        syntax, explicit, walked = _syntax(head[at : at + length])
        if not start or not walked:
            return ODD, None
        how, at, length, values = self._find(head, start, explicit=explicit)
        if how == CUT and at:
            how, at, length = self._skip(handle, size, at, length, values, explicit=explicit)
        elif how == END and len(head) < size:
            return how, None
        if how not in (AT_PIXELS, END):
            return how, None
        if not all(_needed_of(values)):
            return ODD, None
        values += None, syntax
        if how == END:
            return how, RawHeader(values=values)
        return how, RawHeader(
            values=values, pixels=True, missing=_missing(handle, size, at, length, values)
        )

    def _skip(
        self, handle: int, size: int, at: int, tag: int, values: Values, *, explicit: bool
    ) -> tuple[int, int, int]:
        """Go on behind long elements that are not wanted, without reading them."""
        for _ in range(_MOST_TAILS):
            if at > size:
                return CUT, 0, 0
            tail = os.pread(handle, _HEAD_BYTES[0], at)
            if tail and int.from_bytes(tail[1::-1] + tail[3:1:-1], "big") <= tag:
                return ODD, 0, 0
            how, place, length, found = self._find(tail, 0, explicit=explicit)
            values[:] = [new or old for new, old in zip(found, values, strict=True)]
            if how == AT_PIXELS:
                return how, at + place, length
            if how == END:
                return (END if at + len(tail) == size else CUT), 0, 0
            if how != CUT or not place:
                return how, 0, 0
            at, tag = at + place, length
        return CUT, 0, 0

    def _find(self, head: bytes, start: int, *, explicit: bool) -> tuple[int, int, int, Values]:
        """Walk with what the walker reads fastest: plain numbers, or arrays for machine code."""
        if self._walker is walk:
            found = [0] * (2 * len(WANTED_TAGS))
            ended = stroll(head, start, explicit, WANTED_TAGS, found)
            return *ended, list(_cut(found)(head))
        self._found.fill(0)
        ended = self._walker(head, start, explicit, VR_FORMS, _WANTED, self._found)
        places = self._found.tobytes()
        cut = self._cuts.get(places)
        if cut is None:
            if len(self._cuts) >= _MOST_CUTS:
                self._cuts.clear()
            cut = self._cuts[places] = _cut(self._found.tolist())
        return *ended, list(cut(head))


def _cut(found: Sequence[int]) -> Cut:
    """Make what cuts the values out of a header; many headers of a scan have them alike."""
    pairs = zip(found[::2], found[1::2], strict=True)
    return itemgetter(*[slice(at, at + count) for at, count in pairs])


@lru_cache(maxsize=64)
def _syntax(stored: bytes) -> tuple[bytes, bool, bool]:
    """Give a transfer syntax, whether it writes value representations, whether we walk it."""
    name = stored.decode("ascii", "replace").strip("\0 ")
    return name.encode(), name != IMPLICIT, name not in _NOT_WALKED


def _missing(handle: int, size: int, at: int, length: int, values: Values) -> str:
    expected = matrix_bytes(values)
    if length != UNDEFINED and at + length <= size and (expected or 0) <= length:
        return ""
    return shortage(partial(_read_at, handle), size, at, length, expected)


def _read_at(handle: int, offset: int, count: int) -> bytes:
    return os.pread(handle, count, offset)
