"""From the raw bytes of DICOM elements to a `DicomRecord`: one decoder for every way of reading."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from msgspec.structs import force_setattr

from appliance.formats.dicom_record import DicomRecord

__all__ = [
    "MEDIA_CLASS",
    "META_TAGS",
    "NEEDED_TAGS",
    "PIXEL_TAGS",
    "TRANSFER_SYNTAX",
    "VALUE_TAGS",
    "WANTED_TAGS",
    "Values",
    "decode_record",
    "matrix_bytes",
]

CHARSET = 0x00080005
MEDIA_CLASS = 0x00020002
TRANSFER_SYNTAX = 0x00020010
NEEDED_TAGS = frozenset((0x00080016, 0x00080018, 0x0020000D, 0x0020000E))
META_TAGS = (MEDIA_CLASS, TRANSFER_SYNTAX)
PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)

_UIDS = {
    0x00080016: "sop_class",
    0x0020000D: "study_uid",
    0x0020000E: "series_uid",
    TRANSFER_SYNTAX: "transfer_syntax",
}
_TEXTS = {
    0x00080020: "study_date",
    0x00080030: "study_time",
    0x00080060: "modality",
    0x00081030: "study_description",
    0x0008103E: "series_description",
    0x00100020: "patient_id",
    0x00100021: "issuer",
    0x00100030: "birth_date",
    0x00100040: "sex",
    0x00101010: "age",
    0x00181030: "protocol",
}
_INTEGERS = {
    0x00200011: "series_number",
    0x00201002: "images_in_acquisition",
}
_SHORTS = {0x00280010: "rows", 0x00280011: "cols", 0x00280100: "bits"}
_DECIMALS = {
    0x00200037: ("iop", 6),
    0x00280030: ("pixel_spacing_mm", 2),
}
_NAME, _IMAGE_TYPE, _FRAMES = 0x00100010, 0x00080008, 0x00280008
_SAMPLES, _BURNED_IN = 0x00280002, 0x00280301
_SOP_UID, _ACQUISITION, _INSTANCE, _POSITION = 0x00080018, 0x00200012, 0x00200013, 0x00200032
_OWN_TAGS = (_SOP_UID, _ACQUISITION, _INSTANCE, _POSITION)
_COMPRESSED = (b"1.2.840.10008.1.2.4", b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.8")

WANTED_TAGS: tuple[int, ...] = tuple(
    sorted(
        {CHARSET, _NAME, _IMAGE_TYPE, _FRAMES, _SAMPLES, _BURNED_IN}
        | (_UIDS.keys() - {TRANSFER_SYNTAX})
        | _TEXTS.keys()
        | _INTEGERS.keys()
        | _SHORTS.keys()
        | _DECIMALS.keys()
        | set(_OWN_TAGS)
    )
)
VALUE_TAGS = (*WANTED_TAGS, MEDIA_CLASS, TRANSFER_SYNTAX)
"""What the values of a header are, in this order."""
_MATRIX_TAGS = (TRANSFER_SYNTAX, _FRAMES, *_SHORTS, _SAMPLES)
_NOWHERE = Path()
_SHARED_TAGS = (*sorted(set(WANTED_TAGS) - set(_OWN_TAGS)), MEDIA_CLASS, TRANSFER_SYNTAX)

Values = Sequence[bytes | None]


def _picker(tags: Iterable[int]) -> Callable[[Values], tuple[bytes | None, ...]]:
    return itemgetter(*map(VALUE_TAGS.index, tags))


_matrix_of, _shared_of, _own_of = map(_picker, (_MATRIX_TAGS, _SHARED_TAGS, _OWN_TAGS))


def decode_record(
    path: Path, size: int, values: Values, *, pixels: bool, big_endian: bool = False
) -> DicomRecord:
    """Build the record of one object.

    Parameters
    ----------
    path : Path
        Where it lies.
    size : int
        Its size in bytes.
    values : sequence of bytes or None
        Stored bytes of `VALUE_TAGS`, None or nothing where it has none.
    pixels : bool
        Whether pixel data follow.
    big_endian : bool
        Byte order of binary values.

    Returns
    -------
    DicomRecord
        Nothing is refused here: a value that cannot be understood counts as missing.
    """
    uid, acquisition, instance, position = _own_of(values)
    record = copy(_shared(_shared_of(values), big_endian, pixels))
    force_setattr(record, "path", path)
    force_setattr(record, "size_bytes", size)
    force_setattr(record, "sop_uid", _uid(uid or b""))
    force_setattr(record, "acquisition_number", _integer(acquisition or b""))
    force_setattr(record, "instance_number", _integer(instance or b""))
    force_setattr(record, "ipp", _decimals(position or b"", 3))
    return record


@lru_cache(maxsize=256)
def _shared(values: tuple[bytes | None, ...], big_endian: bool, pixels: bool) -> DicomRecord:
    """Decode what the objects of a series have in common, once for all of them."""
    raw = {tag: value for tag, value in zip(_SHARED_TAGS, values, strict=True) if value is not None}
    facts: dict[str, Any] = {name: _uid(raw.get(tag, b"")) for tag, name in _UIDS.items()}
    facts["sop_class"] = facts["sop_class"] or _uid(raw.get(MEDIA_CLASS, b""))
    charset = raw.get(CHARSET, b"")
    for tag, name in _TEXTS.items():
        if tag in raw:
            facts[name] = _text(raw[tag], charset)
    for tag, name in _INTEGERS.items():
        facts[name] = _integer(raw.get(tag, b""))
    for tag, name in _SHORTS.items():
        facts[name] = _ushort(raw.get(tag, b""), big_endian=big_endian)
    for tag, (name, count) in _DECIMALS.items():
        facts[name] = _decimals(raw.get(tag, b""), count)
    facts["patient_name"] = _person(raw.get(_NAME, b""), charset)
    facts["image_type"] = _words(raw.get(_IMAGE_TYPE, b""))
    facts["frames"] = max(1, _integer(raw.get(_FRAMES, b"")) or 1)
    facts["burned_in"] = _yes_no(raw.get(_BURNED_IN, b""))
    return DicomRecord(path=_NOWHERE, size_bytes=0, sop_uid="", has_pixels=pixels, **facts)


def _uid(value: bytes) -> str:
    """Decode a UID; padding is dropped."""
    return value.decode("ascii", "replace").strip("\0 ")


def _ushort(value: bytes, *, big_endian: bool = False) -> int | None:
    """Decode an unsigned 16-bit number, None when the value has another length."""
    if len(value) != 2:
        return None
    return int.from_bytes(value, "big" if big_endian else "little")


def matrix_bytes(values: Values, *, big_endian: bool = False) -> float | None:
    """Tell how many bytes the pixel matrix takes uncompressed; None when it is not given."""
    return _matrix_bytes(_matrix_of(values), big_endian)


@lru_cache(maxsize=256)
def _matrix_bytes(values: tuple[bytes | None, ...], big_endian: bool) -> float | None:
    syntax, frames, *shorts = (value or b"" for value in values)
    if syntax.strip(b"\0 ").startswith(_COMPRESSED):
        return None
    *numbers, samples = (_ushort(value, big_endian=big_endian) for value in shorts)
    if None in numbers:
        return None
    sides = math.prod(number or 0 for number in numbers)
    return sides * (samples or 1) * max(1, _integer(frames) or 1) / 8


def _text(value: bytes, charset: bytes) -> str:
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii").strip("\0 ")
    from pydicom.charset import decode_bytes
    from pydicom.valuerep import TEXT_VR_DELIMS

    return decode_bytes(value, _encodings(charset), TEXT_VR_DELIMS).strip("\0 ")


def _person(value: bytes, charset: bytes) -> str:
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii").strip("\0 ")
    from pydicom.valuerep import PersonName

    return str(PersonName(value, _encodings(charset)).decode()).strip("\0 ")


@lru_cache(maxsize=64)
def _encodings(charset: bytes) -> list[str]:
    from pydicom.charset import convert_encodings

    names = [part.strip("\0 ") for part in charset.decode("ascii", "replace").split("\\")]
    return list(convert_encodings(names))


def _words(value: bytes) -> tuple[str, ...]:
    text = value.decode("ascii", "replace").strip("\0 ")
    return tuple(word.strip() for word in text.split("\\")) if text else ()


def _integer(value: bytes) -> int | None:
    text = value.split(b"\\", 1)[0].strip(b"\0 ")
    try:
        return int(text)
    except ValueError:
        return _rounded(text)


def _rounded(text: bytes) -> int | None:
    """Read an integer that a careless writer stored as ``3.0``."""
    try:
        number = float(text)
    except ValueError:
        return None
    return round(number) if abs(number) < 2**31 else None


def _decimals(value: bytes, count: int) -> tuple[float, ...] | None:
    parts = value.strip(b"\0 ").split(b"\\")
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _yes_no(value: bytes) -> bool | None:
    return {b"YES": True, b"NO": False}.get(value.strip(b"\0 ").upper())
