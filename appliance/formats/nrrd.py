"""NRRD: a small reader for the encodings that are met in practice.

Attached and detached headers, raw, gzip, bzip2 and text encodings, any space that is a flip of
RAS, one list axis anywhere. Files with a list of data files are refused.
"""

from __future__ import annotations

import bz2
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, safe_join
from appliance.formats.guard import check_room
from appliance.geometry import Volume

__all__ = ["NrrdHeader", "nrrd_volume", "read_nrrd_header"]

_MAX_HEADER_BYTES = 1 << 20
_TYPES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, int64, int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
_DTYPES = {name: code for code, names in _TYPES.items() for name in names.split(", ")}
_SIDES = {"right": 1, "left": -1, "anterior": 1, "posterior": -1, "superior": 1, "inferior": -1}
_LETTERS = dict(zip("RLAPSI", (1, -1, 1, -1, 1, -1), strict=True))


@dataclass(frozen=True, eq=False)
class NrrdHeader:
    """What the header of a NRRD file tells.

    Attributes
    ----------
    sizes : tuple of int
        Lengths of all axes, fastest first.
    spatial : tuple of int
        Which axes lie in space; three at most.
    affine : ndarray
        (4, 4), voxel -> world RAS+ mm.
    dtype : dtype
        Type of the stored numbers, with byte order.
    """

    sizes: tuple[int, ...]
    spatial: tuple[int, ...]
    affine: NDArray[np.float64]
    dtype: np.dtype[Any]
    encoding: str
    data_path: Path
    data_at: int
    line_skip: int
    byte_skip: int
    facts: dict[str, str]

    @property
    def shape(self) -> tuple[int, ...]:
        """Three spatial lengths, and the joined others where there are any."""
        space = [self.sizes[axis] for axis in self.spatial]
        rest = math.prod(n for axis, n in enumerate(self.sizes) if axis not in self.spatial)
        return (*space, *([1] * (3 - len(space))), *([rest] if rest > 1 else []))


def read_nrrd_header(path: Path) -> NrrdHeader:
    """Read the header of ``.nrrd`` or ``.nhdr``."""
    with path.open("rb") as stream:
        head = stream.read(_MAX_HEADER_BYTES)
    if not head.startswith(b"NRRD000"):
        raise FormatError(f"{path.name} is not a NRRD file", hint="It lacks the word NRRD.")
    text, end = _split(head, path)
    fields, facts = _parse(text)
    sizes = tuple(int(word) for word in fields["sizes"].split())
    if len(sizes) != int(fields["dimension"]) or not 2 <= len(sizes) <= 8 or min(sizes) < 1:
        raise FormatError(f"{path.name} has no image sizes that make sense: {sizes}")
    spatial, affine = _place(fields, sizes)
    data_path = _data_path(path, fields)
    return NrrdHeader(
        sizes=sizes,
        spatial=spatial,
        affine=affine,
        dtype=_dtype(fields, path),
        encoding=fields["encoding"].lower(),
        data_path=data_path,
        data_at=end if data_path == path else 0,
        line_skip=int(fields.get("lineskip", 0)),
        byte_skip=int(fields.get("byteskip", 0)),
        facts=facts,
    )


def nrrd_volume(path: Path) -> Volume:
    """Read an image; axes outside space are joined into the fourth."""
    header = read_nrrd_header(path)
    count = math.prod(header.sizes)
    needed = count * (2 if header.encoding in _TEXT else header.dtype.itemsize)
    check_room(header.data_path, needed, compressed=header.encoding in _GZIP + _BZIP)
    values = _values(header, count)
    if len(values) < count:
        raise FormatError(
            f"{path.name} is cut off: {len(values)} of {count} values are there",
            hint="Copy the file again from its source.",
        )
    data = values[:count].reshape(header.sizes, order="F")
    others = [axis for axis in range(data.ndim) if axis not in header.spatial]
    turned = data.transpose(*header.spatial, *others).reshape(header.shape, order="F")
    native = turned.astype(header.dtype.newbyteorder("="), copy=False)
    return Volume(native, header.affine, {"format": "nrrd", **header.facts})


_RAW, _TEXT = ("raw",), ("txt", "text", "ascii")
_GZIP, _BZIP = ("gz", "gzip"), ("bz2", "bzip2")


def _split(head: bytes, path: Path) -> tuple[str, int]:
    """Split header text and the offset of what follows its blank line."""
    ends = [(head.find(mark), len(mark)) for mark in (b"\n\n", b"\r\n\r\n")]
    found = [(at, at + width) for at, width in ends if at >= 0]
    if not found and path.suffix != ".nhdr":
        raise FormatError(f"{path.name} is cut off within its header")
    at, end = min(found, default=(len(head), len(head)))
    return head[:at].decode("utf-8", "replace"), end


def _parse(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Split lines into the format's fields and free key/value pairs."""
    fields: dict[str, str] = {}
    facts: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        key, mark, value = line.partition(":=")
        if mark:
            facts[key.strip()] = value.strip()
        elif not line.startswith("#") and ": " in line:
            key, _, value = line.partition(": ")
            fields[key.replace(" ", "").casefold()] = value.strip()
    return fields, facts


def _dtype(fields: dict[str, str], path: Path) -> np.dtype[Any]:
    name = " ".join(fields["type"].casefold().split())
    if name not in _DTYPES:
        raise FormatError(f"{path.name} holds values of type {name!r}, which is not supported")
    order = ">" if fields.get("endian", "little").casefold() == "big" else "<"
    return np.dtype(order + _DTYPES[name])


def _place(
    fields: dict[str, str], sizes: tuple[int, ...]
) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Find the spatial axes and their affine."""
    directions = _vectors(fields.get("spacedirections", ""))
    if not directions:
        return _upright(fields, sizes)
    spatial = tuple(axis for axis, vector in enumerate(directions) if vector is not None)[:3]
    signs = _signs(fields.get("space", ""))
    affine = np.eye(4)
    for column, axis in enumerate(spatial):
        vector = directions[axis] or ()
        affine[: len(vector), column] = vector
    origin = (_vectors(fields.get("spaceorigin", "")) or [None])[0] or (0.0, 0.0, 0.0)
    affine[: len(origin), 3] = origin
    return spatial, np.diag([*signs, 1.0]) @ affine


def _upright(
    fields: dict[str, str], sizes: tuple[int, ...]
) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Place an image that only tells spacings, or nothing."""
    kinds = fields.get("kinds", "").split()
    others = {axis for axis, kind in enumerate(kinds) if kind not in ("domain", "space", "???")}
    spatial = tuple(axis for axis in range(len(sizes)) if axis not in others)[:3]
    spacings = [float(word) for word in fields.get("spacings", "").split()]
    affine = np.eye(4)
    for column, axis in enumerate(spatial):
        step = spacings[axis] if axis < len(spacings) else 1.0
        affine[column, column] = step if math.isfinite(step) and step else 1.0
    return spatial, affine


def _vectors(text: str) -> list[tuple[float, ...] | None]:
    """Parse ``(1,0,0) none (0,1,0)``."""
    words = text.replace(", ", ",").replace("( ", "(").split()
    return [
        None if word == "none" else tuple(float(x) for x in word.strip("()").split(","))
        for word in words
    ]


def _signs(space: str) -> tuple[float, float, float]:
    """Signs that bring a space to RAS; scanner and unnamed spaces are taken as RAS."""
    words = space.casefold().split("-")
    if all(word in _SIDES for word in words[:3]) and len(words) >= 3:
        return tuple(float(_SIDES[word]) for word in words[:3])  # type: ignore[return-value]
    letters = space.upper()[:3]
    if len(letters) == 3 and all(letter in _LETTERS for letter in letters):
        return tuple(float(_LETTERS[letter]) for letter in letters)  # type: ignore[return-value]
    return 1.0, 1.0, 1.0


def _data_path(path: Path, fields: dict[str, str]) -> Path:
    name = fields.get("datafile", "")
    if not name:
        return path
    if name.startswith("LIST") or "%" in name:
        raise FormatError(
            f"{path.name} is spread over several data files", hint="Save it as one .nrrd file."
        )
    return safe_join(path.parent, name.removeprefix("./"))


def _values(header: NrrdHeader, count: int) -> NDArray[Any]:
    body = header.data_path.read_bytes()[header.data_at :]
    for _ in range(header.line_skip):
        body = body.partition(b"\n")[2]
    if header.encoding in _TEXT:
        return np.array(body.split()[:count], dtype=np.float64).astype(header.dtype)
    needed = count * header.dtype.itemsize
    plain = _inflate(header, body, needed)
    start = len(plain) - needed if header.byte_skip < 0 else header.byte_skip
    whole = (len(plain) - max(start, 0)) // header.dtype.itemsize
    return np.frombuffer(plain, header.dtype, min(count, whole), max(start, 0))


def _inflate(header: NrrdHeader, body: bytes, needed: int) -> bytes:
    limit = needed + max(header.byte_skip, 0)
    if header.encoding in _RAW:
        return body
    if header.encoding in _GZIP:
        inflater = zlib.decompressobj(wbits=47)
        plain = inflater.decompress(body, limit)
        inflater.decompress(inflater.unconsumed_tail, 1)  # the checksum behind the values
        if not inflater.eof:
            raise EOFError
        return plain
    if header.encoding in _BZIP:
        return bz2.BZ2Decompressor().decompress(body, limit)
    raise FormatError(f"the encoding {header.encoding!r} of {header.data_path.name} is not known")
