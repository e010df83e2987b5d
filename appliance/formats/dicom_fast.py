"""Header of one DICOM file with the tag walker: the everyday transfer syntaxes, quickly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from appliance.formats.dicom_fields import NEEDED_TAGS, TRANSFER_SYNTAX, WANTED_TAGS, matrix_bytes
from appliance.formats.dicom_meta import BIG_ENDIAN, DEFLATED, IMPLICIT, read_meta
from appliance.formats.dicom_pixels import shortage
from appliance.formats.dicom_slow import RawHeader, read_raw_header
from appliance.formats.dicom_walk import AT_PIXELS, CUT, END, ODD, VR_FORMS, Walker, walk

__all__ = ["read_header_fast"]

_HEAD_BYTES = (16 * 1024, 128 * 1024)  # most headers are short; vendors' private ones are not
_WANTED = np.array(WANTED_TAGS, np.int64)
_NOT_WALKED = ("", DEFLATED, BIG_ENDIAN)


def read_header_fast(path: Path, walker: Walker) -> tuple[int, RawHeader | None]:
    """Read one header; what the walker does not understand goes to pydicom.

    Parameters
    ----------
    path : Path
        File to read.
    walker : callable
        `walk` or its compiled form.

    Returns
    -------
    tuple of (int, RawHeader or None)
        Size of the file in bytes and its header; None when it does not look like DICOM.
    """
    with _opened(path) as handle:
        size = os.fstat(handle).st_size
        for most in _HEAD_BYTES:
            head = os.pread(handle, most, 0)
            how, header = _walk(handle, size, head, walker)
            if how != CUT or len(head) == size:
                break
    if header is None:
        header = read_raw_header(path)
        if header and how == CUT and len(head) == size and not header.pixels:
            header.missing = f"the header ends at byte {size} in the middle of an element"
    return size, header


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _walk(handle: int, size: int, head: bytes, walker: Walker) -> tuple[int, RawHeader | None]:
    """Walk the elements in `head`; the header is None unless everything is as it should be."""
    meta = read_meta(head)
    if meta is None or meta[0] in _NOT_WALKED:
        return ODD, None
    syntax, start = meta
    how, at, length, found = _found(head, start, walker, explicit=syntax != IMPLICIT)
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


def _found(
    head: bytes, start: int, walker: Walker, *, explicit: bool
) -> tuple[int, int, int, list[int]]:
    """Walk with what the walker reads fastest: plain numbers, or arrays for machine code."""
    if walker is walk:
        plain = [0] * (2 * len(WANTED_TAGS))
        return *walk(head, start, explicit, VR_FORMS, WANTED_TAGS, plain), plain
    found = np.zeros(2 * len(WANTED_TAGS), np.int64)
    return *walker(head, start, explicit, VR_FORMS, _WANTED, found), found.tolist()


def _values(head: bytes, found: list[int]) -> dict[int, bytes]:
    return {
        tag: head[start : start + length]
        for tag, start, length in zip(WANTED_TAGS, found[::2], found[1::2], strict=True)
        if start
    }


def _read_at(handle: int, offset: int, count: int) -> bytes:
    return os.pread(handle, count, offset)
