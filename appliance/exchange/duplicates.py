"""Whether two DICOM files with the same SOPInstanceUID are the same object."""

from __future__ import annotations

import mmap
from enum import StrEnum
from pathlib import Path

from appliance.formats import DicomRecord

__all__ = ["Likeness", "compare_objects"]

_PREFIX = 132
_NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})


class Likeness(StrEnum):
    """How alike two objects are."""

    SAME = "same"  # every byte of the data set
    PIXELS = "pixels"  # the image, under another header
    OTHER = "other"


def compare_objects(new: DicomRecord, known: Path) -> Likeness:
    """Compare a scanned file with one that we hold; the file meta information does not count."""
    if not known.is_file() or not new.path.is_file():
        return Likeness.OTHER
    with (
        new.path.open("rb") as a,
        known.open("rb") as b,
        mmap.mmap(a.fileno(), 0, access=mmap.ACCESS_READ) as one,
        mmap.mmap(b.fileno(), 0, access=mmap.ACCESS_READ) as two,
    ):
        if one[_dataset_at(one) :] == two[_dataset_at(two) :]:
            return Likeness.SAME
        n = _pixel_bytes(new)
        same = 0 < n < min(len(one), len(two)) and one[-n:] == two[-n:]
    return Likeness.PIXELS if same else Likeness.OTHER


def _dataset_at(data: mmap.mmap) -> int:
    """Give where the data set begins, from the group length of the file meta information."""
    head = data[128:144]
    if head[:4] != b"DICM" or head[4:10] != b"\x02\x00\x00\x00UL":
        return 0
    return _PREFIX + 12 + int.from_bytes(head[12:16], "little")


def _pixel_bytes(record: DicomRecord) -> int:
    if record.transfer_syntax not in _NATIVE or not record.has_pixels:
        return 0
    bits = record.bits or 8
    return (record.rows or 0) * (record.cols or 0) * record.frames * ((bits + 7) // 8)
