"""Whether the objects of a series are one plain stack of slices, in which order, and where it lies.

Plain: one uncompressed 16-bit grey slice in each object, all alike, on an even grid without shear,
every place as often as every other. Anything else is refused with the reason; it converts nothing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.formats.dicom_meta import IMPLICIT, read_meta
from appliance.formats.dicom_walk import AT_PIXELS, CUT, VR_FORMS, Walker, compiled_walk, walk

__all__ = ["NotPlain", "PlainStack", "StackSlice", "read_stack"]

_EXPLICIT = "1.2.840.10008.1.2.1"
_SMALL_BYTES = 64 * 1024  # smaller files are read at once, with their values
_HEAD_BYTES = (16 * 1024, 256 * 1024)
_MOST_KEPT = 256 << 20
_COMPILE_AFTER = 4000
_so_far = [0]  # objects since the process began: in one that lasts, compiling pays off
_JITTER_MM = 1e-3
_SHEAR = 1e-4  # of the distance of two slices
_TURN = 1e-4

_POSITION, _INSTANCE = 0x00200032, 0x00200013
_TIME, _TRIGGER, _KIND = 0x00080032, 0x00181060, 0x00180023
_FRAMES, _TILT = 0x00280008, 0x00181120
_ROWS, _COLUMNS, _BITS, _SIGN = 0x00280010, 0x00280011, 0x00280100, 0x00280103
_SAMPLES, _TURNED, _SPACING = 0x00280002, 0x00200037, 0x00280030
_TYPE, _MODALITY, _MAKER = 0x00080008, 0x00080060, 0x00080070
_CLASSES = {
    b"1.2.840.10008.5.1.4.1.1.2": "CT",
    b"1.2.840.10008.5.1.4.1.1.4": "MR",
    b"1.2.840.10008.5.1.4.1.1.128": "PT",
}
_CLASS = 0x00080016
_SAME = (
    _TYPE, _CLASS, _MODALITY, _MAKER, 0x00081090, 0x00180020, 0x00180021, 0x00180022,
    0x00180023, 0x00180024, 0x00180050, 0x00180080, 0x00180081, 0x00180082, 0x00180086, 0x00180091,
    _TILT, 0x00181314, 0x0020000D, 0x0020000E, 0x00200011, 0x00200012, _TURNED, _SAMPLES,
    0x00280004, _FRAMES, _ROWS, _COLUMNS, _SPACING, _BITS, 0x00280101, 0x00280102, _SIGN,
    0x00281052, 0x00281053, 0x2005100D, 0x2005100E, 0x20051409, 0x2005140A,
)  # fmt: skip
"""What all objects have to have alike: kind, contrast, echo, grid, number type, scaling."""
_WANTED = tuple(sorted({*_SAME, _POSITION, _INSTANCE, _TIME, _TRIGGER}))
_AT_POSITION, _AT_INSTANCE = _WANTED.index(_POSITION), _WANTED.index(_INSTANCE)
_AT_TIME, _AT_TRIGGER = _WANTED.index(_TIME), _WANTED.index(_TRIGGER)
_ARRAY = np.array(_WANTED, np.int64)


class NotPlain(Exception):
    """The objects are no plain stack; the text says why, and names nobody."""


@dataclass(frozen=True, slots=True)
class StackSlice:
    """One slice.

    Attributes
    ----------
    path : str
        Its object.
    instance : int
        Its number there.
    offset : int
        Where its values begin.
    position : tuple of float
        Where it lies, LPS mm.
    time : bytes
        When it was acquired, as it is written.
    values : bytes
        Its stored values if they came with the header, else nothing.
    """

    path: str
    instance: int
    offset: int
    position: tuple[float, ...]
    time: bytes = b""
    values: bytes = b""


@dataclass(frozen=True)
class PlainStack:
    """A stack in order.

    Attributes
    ----------
    volumes : sequence of sequence of StackSlice
        Volumes in the order of time, slices in the order of instances.
    rows, columns : int
        Size of a slice.
    signed : bool
        Whether values are int16 rather than uint16.
    modality : str
        ``CT``, ``MR`` or ``PT``.
    maker : str
        Manufacturer, in small letters.
    in_3d : bool
        Whether MR was acquired as a volume rather than slice by slice.
    affine : ndarray
        (4, 4) column, row, slice -> world, RAS+ mm, float64.
    """

    volumes: Sequence[Sequence[StackSlice]]
    rows: int
    columns: int
    signed: bool
    modality: str
    maker: str
    in_3d: bool
    affine: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Columns, rows, slices, volumes."""
        return self.columns, self.rows, len(self.volumes[0]), len(self.volumes)

    @property
    def is_timed(self) -> bool:
        """Whether the slices of a volume tell times of their own."""
        return any(len({one.time for one in volume}) > 1 for volume in self.volumes)

    @property
    def dtype(self) -> np.dtype[np.int16] | np.dtype[np.uint16]:
        """Type of the stored values."""
        return np.dtype("<i2") if self.signed else np.dtype("<u2")


def read_stack(paths: Sequence[Path]) -> PlainStack:
    """Read the headers of a series.

    Raises
    ------
    NotPlain
        If the series is not what this can vouch for.
    """
    slices, first = _headers(paths)
    _check_kind(first)
    turned = _numbers(first, _TURNED, 6)
    spacing = _numbers(first, _SPACING, 2)
    volumes, step = _ordered(slices, turned)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = turned[:3] * spacing[1], turned[3:] * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, volumes[0][0].position
    return PlainStack(
        volumes,
        rows=_short(first, _ROWS),
        columns=_short(first, _COLUMNS),
        signed=_short(first, _SIGN) == 1,
        modality=_CLASSES[first[_CLASS].strip(b"\0 ")],
        in_3d=first.get(_KIND, b"").strip(b"\0 ") == b"3D",
        maker=first.get(_MAKER, b"").decode("latin-1").strip("\0 ").casefold(),
        affine=np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine,
    )


def _headers(paths: Sequence[Path]) -> tuple[list[StackSlice], dict[int, bytes]]:
    """Read all headers; what has to be alike is compared as it is stored."""
    _so_far[0] += len(paths)
    compiled = _so_far[0] >= _COMPILE_AFTER or compiled_walk.cache_info().currsize > 0
    walker = compiled_walk() if compiled else walk
    slices: list[StackSlice] = []
    alike: list[bytes] = []
    needed = kept = 0
    for path in map(str, paths):
        found, offset, length, values = _header(path, walker, keep=kept < _MOST_KEPT)
        kept += len(values)
        place, number = found[_AT_POSITION], found[_AT_INSTANCE]
        time = found[_AT_TIME] + found[_AT_TRIGGER]
        found[_AT_POSITION] = found[_AT_INSTANCE] = found[_AT_TIME] = found[_AT_TRIGGER] = b""
        if not alike:
            alike, first = found, dict(zip(_WANTED, found, strict=True))
            needed = 2 * _short(first, _ROWS) * _short(first, _COLUMNS)
        elif found != alike:
            raise NotPlain("its objects differ in more than their place")
        if length != needed:
            raise NotPlain("its values take another room than their matrix")
        instance, position = _floats(number, 1)[0], _floats(place, 3)
        slices.append(StackSlice(path, int(instance), offset, position, time, values))
    if len(slices) < 2:
        raise NotPlain("it has one object only")
    return slices, {tag: value for tag, value in first.items() if value}


def _header(path: str, walker: Walker, *, keep: bool) -> tuple[list[bytes], int, int, bytes]:
    """Give the wanted elements of an object, where its values are, and those if at hand."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        for most in (_SMALL_BYTES,) if size <= _SMALL_BYTES else _HEAD_BYTES:
            head = os.pread(handle, most, 0)
            meta = read_meta(head)
            if meta is None or meta[0] not in {IMPLICIT, _EXPLICIT}:
                raise NotPlain("its objects are compressed, or stored in another byte order")
            how, at, length, found = _walked(head, meta, walker)
            if how != CUT:
                break
        if how != AT_PIXELS or at + length > size:
            raise NotPlain("its objects are not written in the everyday way")
    finally:
        os.close(handle)
    wanted = [
        head[start : start + count] for start, count in zip(found[::2], found[1::2], strict=True)
    ]
    return wanted, at, length, head[at : at + length] if keep and len(head) == size else b""


def _walked(
    head: bytes, meta: tuple[str, int], walker: Walker
) -> tuple[int, int, int, Sequence[int]]:
    explicit = meta[0] != IMPLICIT
    if walker is walk:
        plain = [0] * (2 * len(_WANTED))
        return *walk(head, meta[1], explicit, VR_FORMS, _WANTED, plain), plain
    found = np.zeros(2 * len(_WANTED), np.int64)
    return *walker(head, meta[1], explicit, VR_FORMS, _ARRAY, found), found.tolist()


def _check_kind(first: dict[int, bytes]) -> None:
    modality = _CLASSES.get(first.get(_CLASS, b"").strip(b"\0 "))
    words = first.get(_TYPE, b"").strip(b"\0 ").split(b"\\")
    if modality is None or first.get(_MODALITY, b"").strip(b"\0 ").decode("latin-1") != modality:
        raise NotPlain("it is neither CT, MR nor PET of the classic kind")
    if b"MOSAIC" in words or b"LOCALIZER" in words:
        raise NotPlain("it is a mosaic or a localizer")
    if (_short(first, _BITS), _short(first, _SAMPLES)) != (16, 1):
        raise NotPlain("its values are not 16 bits of grey")
    if _FRAMES in first and _numbers(first, _FRAMES, 1)[0] != 1:
        raise NotPlain("its objects have several frames")
    if _TILT in first and first[_TILT].strip(b"\0 ") and _numbers(first, _TILT, 1)[0] != 0:
        raise NotPlain("the gantry was tilted")


def _ordered(
    slices: Iterable[StackSlice], turned: NDArray[np.float64]
) -> tuple[list[list[StackSlice]], NDArray[np.float64]]:
    """Give the volumes and the step from slice to slice (LPS)."""
    rows, columns = turned[:3], turned[3:]
    skew = (
        abs(float(rows @ columns)),
        abs(float(rows @ rows) - 1),
        abs(float(columns @ columns) - 1),
    )
    if max(skew) > _TURN:
        raise NotPlain("its axes are no right angle")
    ordered = sorted(slices, key=lambda one: one.instance)
    if any(a.instance == b.instance for a, b in pairwise(ordered)):
        raise NotPlain("two of its objects have one number")
    places = np.array([one.position for one in ordered])
    n_slices = len(np.unique(np.round(places, 4), axis=0))
    n_volumes, rest = divmod(len(ordered), n_slices)
    if rest or n_slices < 2:
        raise NotPlain("some of its slices are missing, or there more often than others")
    grid = places.reshape(n_volumes, n_slices, 3)
    if n_volumes > 1 and np.abs(grid - grid[:1]).max() > _JITTER_MM:
        raise NotPlain("its objects are not numbered volume after volume")
    _check_even(grid[0], np.cross(rows, columns))
    volumes = [ordered[at : at + n_slices] for at in range(0, len(ordered), n_slices)]
    return volumes, np.asarray(grid[0, 1] - grid[0, 0], np.float64)


def _check_even(places: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    steps = np.diff(places, axis=0)
    along = steps @ normal
    if np.abs(steps - steps[0]).max() > _JITTER_MM or abs(along[0]) < _JITTER_MM:
        raise NotPlain("its slices are not evenly spaced")
    sideways = steps - along[:, None] * normal
    if np.abs(sideways).max() > max(_SHEAR * abs(along[0]), _JITTER_MM):
        raise NotPlain("its slices are sheared")


def _numbers(found: dict[int, bytes], tag: int, count: int) -> NDArray[np.float64]:
    return np.array(_floats(found.get(tag, b""), count))


def _floats(value: bytes, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, value.strip(b"\0 ").split(b"\\")))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise NotPlain("an element that places its slices is missing, or cannot be read")
    return numbers


def _short(found: dict[int, bytes], tag: int) -> int:
    return int.from_bytes(found.get(tag, b"")[:2], "little")
