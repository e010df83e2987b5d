"""Photographs that lie in a CZI file beside its scenes: of the label, and of the whole glass.

Read from the segments that the ZISRAW format describes (Zeiss, "CZI File Format", ``ZISRAWATTDIR``
and ``ZISRAWATTACH``), because pylibCZIrw gives no attachments. All numbers are little-endian.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError

__all__ = ["Photograph", "czi_photographs"]

_HEAD = struct.Struct("<16sqq")
_DIRECTORY_AT = 104  # of the file: its header, then the 72nd byte of the file segment's data
_DIRECTORY_BYTES, _ENTRY, _BEFORE_DATA = 256, struct.Struct("<2s10sqi16s8s80s"), 256
_KINDS = {"label": "label", "slidepreview": "macro"}
_MOST_ENTRIES, _MOST_BYTES = 4096, 256 << 20
_MOST_PIXELS = 64 << 20


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph: ``label`` or ``macro``, ``JPG`` or ``CZI``, and its bytes as they lie."""

    kind: str
    form: str
    data: bytes

    def pixels(self) -> NDArray[np.uint8]:
        """Decode it, (Y, X, 3).

        Raises
        ------
        FormatError
            If it is too large or no picture of 8 bits.
        """
        return _jpeg(self.data) if self.form == "JPG" else _small_czi(self.data)


def czi_photographs(path: Path) -> list[Photograph]:
    """Read the photographs of a CZI file; the label first.

    Raises
    ------
    FormatError
        If the directory of attachments leads out of the file.
    """
    with path.open("rb") as stream:
        found = list(_photographs(stream, path.name))
    return sorted(found, key=lambda one: one.kind)


def _photographs(stream: BinaryIO, name: str) -> Iterator[Photograph]:
    size = os.fstat(stream.fileno()).st_size
    if _HEAD.unpack(_read(stream, 0, _HEAD.size, name))[0].rstrip(b"\0") != b"ZISRAWFILE":
        return
    (directory,) = struct.unpack("<q", _read(stream, _DIRECTORY_AT, 8, name))
    if directory <= 0:
        return
    _segment(stream, directory, b"ZISRAWATTDIR", name)
    (count,) = struct.unpack("<i", _read(stream, directory + _HEAD.size, 4, name))
    if not 0 <= count <= _MOST_ENTRIES:
        raise FormatError(f"{name} tells of {count} attachments")
    for n in range(count):
        at = directory + _HEAD.size + _DIRECTORY_BYTES + n * _ENTRY.size
        entry = _ENTRY.unpack(_read(stream, at, _ENTRY.size, name))
        form, kind = _text(entry[5]).upper(), _KINDS.get(_text(entry[6]).lower())
        if kind is not None and form in ("JPG", "CZI"):
            yield Photograph(kind, form, _attachment(stream, entry[2], size, name))


def _attachment(stream: BinaryIO, at: int, size: int, name: str) -> bytes:
    _segment(stream, at, b"ZISRAWATTACH", name)
    (length,) = struct.unpack("<i", _read(stream, at + _HEAD.size, 4, name))
    if not 0 < length <= min(size, _MOST_BYTES):
        raise FormatError(f"{name} holds an attachment of {length} bytes")
    return _read(stream, at + _HEAD.size + _BEFORE_DATA, length, name)


def _segment(stream: BinaryIO, at: int, wanted: bytes, name: str) -> None:
    found, _, _ = _HEAD.unpack(_read(stream, at, _HEAD.size, name))
    if found.rstrip(b"\0") != wanted:
        raise FormatError(f"{name} has no {wanted.decode()} where it says")


def _read(stream: BinaryIO, at: int, length: int, name: str) -> bytes:
    if at < 0:
        raise FormatError(f"{name} is damaged: an attachment lies before its beginning")
    stream.seek(at)
    data = stream.read(length)
    if len(data) != length:
        raise FormatError(f"{name} is cut short: an attachment lies behind its end")
    return data


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _jpeg(data: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise FormatError("the photograph is too large")
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise FormatError("the photograph is damaged") from error


def _small_czi(data: bytes) -> NDArray[np.uint8]:
    """Read a CZI within a CZI; pylibCZIrw wants it in a file of its own."""
    from pylibCZIrw import czi

    with tempfile.NamedTemporaryFile(suffix=".czi") as file:
        file.write(data)
        file.flush()
        try:
            with czi.open_czi(file.name) as document:
                box = document.total_bounding_rectangle
                if box.w * box.h > _MOST_PIXELS:
                    raise FormatError("the photograph is too large")
                values: Any = document.read()
        except RuntimeError as error:
            raise FormatError("the photograph is damaged") from error
    if values.dtype != np.uint8:
        raise FormatError("the photograph has more than 8 bits")
    colours = values[..., 2::-1] if values.shape[-1] >= 3 else np.repeat(values[..., :1], 3, axis=2)
    return np.ascontiguousarray(colours)
