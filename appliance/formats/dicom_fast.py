"""Header of one DICOM file with the tag walker: the everyday transfer syntaxes, quickly."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from appliance.formats.dicom_fields import NEEDED_TAGS, TRANSFER_SYNTAX, WANTED_TAGS, matrix_bytes
from appliance.formats.dicom_meta import BIG_ENDIAN, DEFLATED, IMPLICIT, read_meta
from appliance.formats.dicom_pixels import shortage
from appliance.formats.dicom_slow import RawHeader, read_raw_header
from appliance.formats.dicom_walk import AT_PIXELS, CUT, END, ODD, VR_FORMS, Walker, walk

__all__ = ["HeaderReader"]

_HEAD_BYTES = (1 << 14, 1 << 17, 1 << 21, 1 << 25)
"""Most headers are short; vendors' private ones are not, and those of many frames are long."""

_WANTED = np.array(WANTED_TAGS, np.int64)
_NOT_WALKED = ("", DEFLATED, BIG_ENDIAN)


class HeaderReader:
    """Reads headers one after the other; not to be shared between threads.

    Parameters
    ----------
    walker : callable
        `walk` or its compiled form.
    """

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._found = np.zeros(2 * len(WANTED_TAGS), np.int64)
        self._first = 0  # how much is read at first: files of one scan resemble each other

    def read(self, path: Path) -> tuple[int, RawHeader | None]:
        """Read one header; what the walker does not understand goes to pydicom.

        Returns
        -------
        tuple of (int, RawHeader or None)
            Size of the file in bytes and its header; None when it does not look like DICOM.
        """
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(handle).st_size
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
        meta = read_meta(head)
        if meta is None or meta[0] in _NOT_WALKED:
            return ODD, None
        syntax, start = meta
        how, at, length, found = self._find(head, start, explicit=syntax != IMPLICIT)
        if how not in (AT_PIXELS, END) or (how == END and len(head) < size):
            return how, None
        raw = _values(head, found)
        if not raw.keys() >= NEEDED_TAGS:
            return ODD, None
        raw[TRANSFER_SYNTAX] = syntax.encode()
        if how == END:
            return how, RawHeader(raw=raw)
        missing = shortage(partial(_read_at, handle), size, at, length, matrix_bytes(raw))
        return how, RawHeader(raw=raw, pixels=True, missing=missing)

    def _find(self, head: bytes, start: int, *, explicit: bool) -> tuple[int, int, int, list[int]]:
        """Walk with what the walker reads fastest: plain numbers, or arrays for machine code."""
        if self._walker is walk:
            plain = [0] * (2 * len(WANTED_TAGS))
            return *walk(head, start, explicit, VR_FORMS, WANTED_TAGS, plain), plain
        self._found.fill(0)
        ended = self._walker(head, start, explicit, VR_FORMS, _WANTED, self._found)
        return *ended, self._found.tolist()


def _values(head: bytes, found: list[int]) -> dict[int, bytes]:
    return {
        tag: head[start : start + length]
        for tag, start, length in zip(WANTED_TAGS, found[::2], found[1::2], strict=True)
        if start
    }


def _read_at(handle: int, offset: int, count: int) -> bytes:
    return os.pread(handle, count, offset)
