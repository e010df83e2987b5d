"""Classic Siemens mosaics: objects each of which holds all slices of one volume as tiles.

How many tiles there are, and how they are turned, is read off the image that a converter made of
some of them; this finds out whether all objects are alike, and cuts them up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.formats.plain_stack import SAME_TAGS, SliceReader
from appliance.formats.stack_image import ImageHead
from appliance.formats.stack_parts import NotPlain, StackSlice

__all__ = ["MosaicStack", "Tiling", "is_mosaic", "read_mosaics", "tiling_of", "write_mosaic_image"]

_INSTANCE, _POSITION, _CSA = 0x00200013, 0x00200032, 0x00291010
_ROWS, _COLUMNS, _SIGN, _TYPE = 0x00280010, 0x00280011, 0x00280103, 0x00080008
_BITS, _SAMPLES = 0x00280100, 0x00280002
_ACQUISITION = 0x00200012  # mosaics count it up
_WANTED = tuple(
    sorted(
        {*SAME_TAGS, _INSTANCE, _POSITION, 0x00189087, 0x0019100A, 0x0019100C, 0x0019100E, _CSA}
        - {_ACQUISITION}
    )
)
_AT_INSTANCE, _AT_CSA, _AT_TYPE = map(_WANTED.index, (_INSTANCE, _CSA, _TYPE))
_SAME_CSA = (
    b"NumberOfImagesInMosaic", b"SliceNormalVector", b"B_value", b"DiffusionGradientDirection",
    b"PhaseEncodingDirectionPositive", b"BandwidthPerPixelPhaseEncode", b"ProtocolSliceNumber",
)  # fmt: skip
_MARK = b"SV10"
_ENTRY = 84  # bytes before the items


@dataclass(frozen=True)
class MosaicStack:
    """Mosaics of one series in the order of their numbers.

    Attributes
    ----------
    volumes : sequence of StackSlice
        One object each.
    rows, columns : int
        Size of a mosaic.
    signed : bool
        Whether values are int16 rather than uint16.
    """

    volumes: Sequence[StackSlice]
    rows: int
    columns: int
    signed: bool

    def part(self, volumes: int) -> MosaicStack:
        """Give the first of them."""
        return replace(self, volumes=self.volumes[:volumes])

    def values(self) -> Iterator[NDArray[Any]]:
        """Read one mosaic after the other, (rows, columns), always into the same memory."""
        found = np.empty((self.rows, self.columns), "<i2" if self.signed else "<u2")
        for one in self.volumes:
            handle = os.open(one.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if os.preadv(handle, [found.data], one.offset) != found.nbytes:
                    raise NotPlain("an object became shorter while it was read")
            finally:
                os.close(handle)
            yield found


@dataclass(frozen=True)
class Tiling:
    """How an image was cut out of mosaics: its size, and whether rows and slices go backwards."""

    columns: int
    rows: int
    slices: int
    rows_back: bool = False
    slices_back: bool = False

    def cut(self, mosaic: NDArray[Any], into: NDArray[Any]) -> NDArray[Any]:
        """Put the volume in a mosaic into (slices, rows, columns) as it stands in the image."""
        across = mosaic.shape[1] // self.columns
        rows = slice(None, None, -1 if self.rows_back else 1)
        for index, plane in enumerate(into[:: -1 if self.slices_back else 1]):
            top, left = (index // across) * self.rows, (index % across) * self.columns
            plane[rows] = mosaic[top : top + self.rows, left : left + self.columns]
        return into


def is_mosaic(path: Path) -> bool:
    """Tell whether an object calls itself a mosaic; False also when it cannot be read."""
    try:
        found, _, _, _ = SliceReader(1, _WANTED).read(str(path), keep=False)
    except NotPlain:
        return False
    return b"MOSAIC" in found[_AT_TYPE].strip(b"\0 ").split(b"\\")


def read_mosaics(paths: Sequence[Path]) -> MosaicStack:
    """Read the headers of a series of mosaics.

    Raises
    ------
    NotPlain
        If they differ in more than their number, or have gradients.
    """
    reader = SliceReader(len(paths), _WANTED)
    csa = _CsaReader()
    volumes: list[StackSlice] = []
    alike: list[bytes] = []
    for path in map(str, paths):
        found, offset, length, _ = reader.read(path, keep=False)
        number, found[_AT_INSTANCE] = found[_AT_INSTANCE], b""
        found[_AT_CSA] = csa.read(found[_AT_CSA])
        if not alike:
            alike, first = found, dict(zip(_WANTED, found, strict=True))
            rows, columns = _short(first[_ROWS]), _short(first[_COLUMNS])
            _check(first)
        elif found != alike:
            raise NotPlain("its mosaics differ in more than their number")
        if length != 2 * rows * columns:
            raise NotPlain("its values take another room than their matrix")
        volumes.append(StackSlice(path, _number(number), offset, ()))
    volumes.sort(key=lambda one: one.instance)
    if any(a.instance == b.instance for a, b in pairwise(volumes)):
        raise NotPlain("two of its objects have one number")
    return MosaicStack(volumes, rows, columns, signed=_short(first[_SIGN]) == 1)


def _check(first: dict[int, bytes]) -> None:
    if (_short(first[_BITS]), _short(first[_SAMPLES])) != (16, 1):
        raise NotPlain("its values are not 16 bits of grey")
    if not first[_CSA]:
        raise NotPlain("its mosaics lack what tells how they are cut")


class _CsaReader:
    """Reads those entries of Siemens' own header that have to be alike."""

    def __init__(self) -> None:
        self._before: list[tuple[int, bytes]] = []
        self._told = b""

    def read(self, block: bytes) -> bytes:
        """Give the entries of one header; mostly they are what and where they were in the last."""
        if self._before and all(block.startswith(one, at) for at, one in self._before):
            return self._told
        if block[:4] != _MARK:
            return b""
        places = [(name, block.find(name + b"\0")) for name in _SAME_CSA]
        found = [(name, at, _csa_end(block, at)) for name, at in places if at >= 0]
        self._before = [(0, _MARK), *((at, block[at:end]) for _, at, end in found)]
        self._told = b"".join(name + block[at + _ENTRY : end] for name, at, end in found)
        if len(found) < len(places):  # what is missing here may be there in the next
            self._before = []
        return self._told


def _csa_end(block: bytes, at: int) -> int:
    """Find where an entry ends.

    It has a name (64 bytes) and five numbers, the fourth of which counts its items; an item has
    four numbers, the second of which is its length, and is filled up to four bytes.
    """
    end = at + _ENTRY
    for _ in range(min(64, int.from_bytes(block[at + 76 : at + 80], "little"))):
        length = int.from_bytes(block[end + 4 : end + 8], "little")
        end += 16 + length + -length % 4
    return end


def tiling_of(part: MosaicStack, head: ImageHead, made: NDArray[Any]) -> Tiling:
    """Find how an image was cut out of the mosaics that it was made from.

    Parameters
    ----------
    made : ndarray
        (T, Z, Y, X) values of the image.

    Raises
    ------
    NotPlain
        If it holds other values, or lies otherwise.
    """
    columns, rows, slices, volumes = head.shape
    tiles = (part.rows // rows) * (part.columns // columns)
    if volumes != len(part.volumes) or part.rows % rows or part.columns % columns or tiles < slices:
        raise NotPlain("the converter gives it another size or place")
    mosaics = [one.copy() for one in part.values()]
    room = np.empty(made.shape[1:], mosaics[0].dtype)
    for rows_back, slices_back in product((True, False), (False, True)):
        tiling = Tiling(columns, rows, slices, rows_back, slices_back)
        if all(
            tiling.cut(mosaic, room).tobytes() == one.tobytes()
            for mosaic, one in zip(mosaics, made, strict=True)
        ):
            return tiling
    raise NotPlain("the converter makes other values of it")


def write_mosaic_image(path: Path, stack: MosaicStack, head: ImageHead, tiling: Tiling) -> None:
    """Write all mosaics as an image that continues the one with this head.

    Raises
    ------
    NotPlain
        If an object has become shorter meanwhile.
    """
    shape = *head.shape[:3], len(stack.volumes)
    with path.open("wb") as stream:
        stream.write(head.enlarged(shape, np.zeros(3), seconds=head.seconds))
        room = np.empty(shape[2::-1], "<i2" if stack.signed else "<u2")
        for mosaic in stack.values():
            stream.write(tiling.cut(mosaic, room).data)


def _number(text: bytes) -> int:
    try:
        return int(text.strip(b"\0 "))
    except ValueError:
        raise NotPlain("one of its objects has no number") from None


def _short(value: bytes) -> int:
    return int.from_bytes(value[:2], "little")
