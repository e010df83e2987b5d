"""Header of one DICOM file through pydicom: every transfer syntax and odd files, slowly."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import msgspec

from appliance.formats.dicom_fields import (
    META_TAGS,
    PIXEL_TAGS,
    TRANSFER_SYNTAX,
    VALUE_TAGS,
    WANTED_TAGS,
    matrix_bytes,
)
from appliance.formats.dicom_meta import DEFLATED, read_meta
from appliance.formats.dicom_pixels import shortage
from appliance.formats.dicom_walk import VR_FORMS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["RawHeader", "read_raw_header"]

_HEAD_BYTES = 1 << 16
_MAX_INFLATED_BYTES = 1 << 30
_KEPT_BYTES = 1 << 24  # of an inflated object: its header
_DEFER_BYTES = 1 << 20  # longer values are none that is wanted
_EXPLICIT = (b"OB", b"OW", b"OF", b"OD", b"UN")
_BIG = b"\x00\x08"  # without a preamble big-endian is always explicit
_GROUPS = (b"\x02\x00", b"\x08\x00", _BIG)
_GROUP_LENGTH = 4  # bytes of a value that tells how long its group is: (gggg,0000), PS3.5 7.2
_MAX_FIRST_BYTES = 1 << 16
_MRC = b"MAP "  # magic of an MRC file at byte 208; one 8 voxels wide begins like group 8


class RawHeader(msgspec.Struct, kw_only=True):
    """Undecoded header of one object: values of `VALUE_TAGS`, and what is missing of its pixels."""

    values: Sequence[bytes | None]
    pixels: bool = False
    missing: str = ""
    big_endian: bool = False

    @property
    def raw(self) -> dict[int, bytes]:
        """Values by tag, of those that say something."""
        found = zip(VALUE_TAGS, self.values, strict=True)
        return {tag: value for tag, value in found if value}


def read_raw_header(path: Path) -> RawHeader | None:
    """Read a header with pydicom.

    Parameters
    ----------
    path : Path
        File to read.

    Returns
    -------
    RawHeader or None
        None when the file does not look like DICOM.

    Raises
    ------
    Exception
        Whatever pydicom raises for a damaged file.
    """
    with warnings.catch_warnings(), path.open("rb") as stream:
        warnings.simplefilter("ignore")
        head = stream.read(_HEAD_BYTES)
        stream.seek(0)
        return _read(stream, head) if _plausible(head) else None


def _plausible(head: bytes) -> bool:
    """Accept the magic word, or a first element of group 2 or 8 as old writers leave it."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 16 or head[:2] not in _GROUPS or head[208:212] == _MRC:
        return False
    known_vr = VR_FORMS[int.from_bytes(head[4:6], "little")] > 0
    return known_vr or (head[:2] != _BIG and _is_implicit_length(head))


def _is_implicit_length(head: bytes) -> bool:
    """Tell whether four bytes behind a tag are a small length: even, and 4 of a group's length."""
    length = int.from_bytes(head[4:8], "little")
    fits = length == _GROUP_LENGTH if head[2:4] == b"\0\0" else length % 2 == 0
    return fits and length < _MAX_FIRST_BYTES


def _read(stream: BinaryIO, head: bytes) -> RawHeader:
    from pydicom import dcmread

    meta = read_meta(head)
    if meta and meta[0] == DEFLATED:
        return _read_deflated(stream, meta[1])
    dataset = dcmread(stream, stop_before_pixels=True, force=True, defer_size=_DEFER_BYTES)
    big = not dataset.original_encoding[1]
    return _raw_header(stream, dataset, _meta_values(dataset.file_meta), big=big)


def _read_deflated(stream: BinaryIO, at: int) -> RawHeader:
    """Inflate the whole object first, within bounds, and read it like a plain one."""
    from pydicom.filereader import read_dataset

    plain, size = _inflate(stream, at)
    dataset = read_dataset(plain, False, True, stop_when=_is_pixel)
    syntax = {TRANSFER_SYNTAX: DEFLATED.encode()}
    return _raw_header(plain, dataset, syntax, big=False, size=size)


def _inflate(stream: BinaryIO, at: int) -> tuple[io.BytesIO, int]:
    """Inflate what the header may need, and count the rest, within bounds."""
    stream.seek(at)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    kept = bytearray(inflater.decompress(stream.read(_KEPT_BYTES), _KEPT_BYTES))
    size, packed = len(kept), inflater.unconsumed_tail
    while size < _MAX_INFLATED_BYTES and not inflater.eof:
        packed = packed or stream.read(_HEAD_BYTES)
        if not packed:
            break
        size += len(inflater.decompress(packed, _KEPT_BYTES))
        packed = inflater.unconsumed_tail
    return io.BytesIO(kept), size


def _is_pixel(tag: Any, _vr: str | None, _length: int) -> bool:
    return tag in PIXEL_TAGS


def _meta_values(meta: Dataset) -> dict[int, bytes]:
    return {tag: _raw_value(meta.get_item(tag).value) for tag in META_TAGS if tag in meta}


def _raw_header(
    stream: BinaryIO, dataset: Dataset, meta: dict[int, bytes], *, big: bool, size: int = 0
) -> RawHeader:
    raw = _raw_values(dataset) | meta
    values = tuple(map(raw.get, VALUE_TAGS))
    found = _pixel_element(stream, "big" if big else "little")
    if found is None:
        return RawHeader(values=values, big_endian=big)
    expected = matrix_bytes(values, big_endian=big)
    size = size or stream.seek(0, io.SEEK_END)
    missing = shortage(_reader(stream), size, *found, expected)
    return RawHeader(values=values, pixels=True, missing=missing, big_endian=big)


def _reader(stream: BinaryIO) -> Any:
    def read_at(offset: int, count: int) -> bytes:
        stream.seek(offset)
        return stream.read(count)

    return read_at


def _raw_values(dataset: Dataset) -> dict[int, bytes]:
    raw: dict[int, bytes] = {}
    for tag in WANTED_TAGS:
        if tag in dataset:
            raw[tag] = _raw_value(dataset.get_item(tag).value)
    return raw


def _raw_value(value: Any) -> bytes:
    """Give stored bytes; a value that pydicom had to decode is written out again."""
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    words = [value] if isinstance(value, str | int | float) else list(value)
    return "\\".join(str(word) for word in words).encode("ascii", "replace")


def _pixel_element(stream: BinaryIO, order: Literal["big", "little"]) -> tuple[int, int] | None:
    """Read the element header at which pydicom stopped: offset and declared length of its value."""
    at = stream.tell()
    head = stream.read(12)
    group, element = (int.from_bytes(head[i : i + 2], order) for i in (0, 2))
    if len(head) < 8 or (group << 16 | element) not in PIXEL_TAGS:
        return None
    start, width = (8, 12) if head[4:6] in _EXPLICIT else (4, 8)
    return at + width, int.from_bytes(head[start : start + 4], order)
