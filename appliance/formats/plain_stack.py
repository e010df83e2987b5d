"""Whether the objects of a series are one plain stack of slices, in which order, and where it lies.

Plain: one uncompressed 16-bit grey slice in each object, all alike, on an even grid without shear,
every place as often as every other. Anything else is refused with the reason; it converts nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.formats.dicom_meta import IMPLICIT, read_meta
from appliance.formats.dicom_stroll import stroll
from appliance.formats.dicom_walk import AT_PIXELS, CUT, VR_FORMS, walk, walker_for
from appliance.formats.frame_stack import read_frames
from appliance.formats.stack_parts import (
    CLASSES,
    JITTER_MM,
    NotPlain,
    PlainStack,
    StackSlice,
    even_step,
    floats,
    stack_affine,
    unsheared,
)

__all__ = ["SAME_TAGS", "SliceReader", "read_stack"]

_EXPLICIT = "1.2.840.10008.1.2.1"
_SMALL_BYTES = 64 * 1024  # smaller files are read at once, with their values
_HEAD_BYTES = (16 * 1024, 256 * 1024)
_SLACK_BYTES = 2048  # by which headers of a series differ at most, mostly
_MOST_KEPT = 256 << 20

_POSITION, _INSTANCE = 0x00200032, 0x00200013
_TIME, _TRIGGER, _KIND = 0x00080032, 0x00181060, 0x00180023
_FRAMES, _TILT = 0x00280008, 0x00181120
_ROWS, _COLUMNS, _BITS, _SIGN = 0x00280010, 0x00280011, 0x00280100, 0x00280103
_SAMPLES, _TURNED, _SPACING = 0x00280002, 0x00200037, 0x00280030
_TYPE, _MODALITY, _MAKER = 0x00080008, 0x00080060, 0x00080070
_CLASS = 0x00080016
SAME_TAGS = (
    _TYPE, _CLASS, _MODALITY, _MAKER, 0x00081090, 0x00180020, 0x00180021, 0x00180022,
    0x00180023, 0x00180024, 0x00180050, 0x00180080, 0x00180081, 0x00180082, 0x00180086, 0x00180091,
    _TILT, 0x00181314, 0x0020000D, 0x0020000E, 0x00200011, 0x00200012, _TURNED, _SAMPLES,
    0x00280004, _FRAMES, _ROWS, _COLUMNS, _SPACING, _BITS, 0x00280101, 0x00280102, _SIGN,
    0x00281052, 0x00281053, 0x2005100D, 0x2005100E, 0x20051409, 0x2005140A,
)  # fmt: skip
"""What all objects have to have alike: kind, contrast, echo, grid, number type, scaling."""
_WANTED = tuple(sorted({*SAME_TAGS, _POSITION, _INSTANCE, _TIME, _TRIGGER}))
_AT_POSITION, _AT_INSTANCE = _WANTED.index(_POSITION), _WANTED.index(_INSTANCE)
_AT_TIME, _AT_TRIGGER = _WANTED.index(_TIME), _WANTED.index(_TRIGGER)


def read_stack(paths: Sequence[Path]) -> PlainStack:
    """Read the headers of a series.

    Raises
    ------
    NotPlain
        If the series is not what this can vouch for.
    """
    if len(paths) == 1:
        return read_frames(paths[0])
    slices, first = _headers(paths)
    turned = _numbers(first, _TURNED, 6)
    spacing = _numbers(first, _SPACING, 2)
    volumes, step = _ordered(slices, turned)
    return PlainStack(
        volumes,
        rows=_short(first, _ROWS),
        columns=_short(first, _COLUMNS),
        signed=_short(first, _SIGN) == 1,
        modality=CLASSES[first[_CLASS].strip(b"\0 ")],
        in_3d=first.get(_KIND, b"").strip(b"\0 ") == b"3D",
        maker=first.get(_MAKER, b"").decode("latin-1").strip("\0 ").casefold(),
        affine=stack_affine(turned, tuple(spacing), step, volumes[0][0].position),
    )


def _headers(paths: Sequence[Path]) -> tuple[list[StackSlice], dict[int, bytes]]:
    """Read all headers; what has to be alike is compared as it is stored."""
    reader = SliceReader(len(paths), _WANTED)
    slices: list[StackSlice] = []
    alike: list[bytes] = []
    needed = kept = 0
    for path in map(str, paths):
        keep = kept < _MOST_KEPT
        found, offset, length, values = reader.read(path, keep=keep)
        kept += len(values)
        place, number = found[_AT_POSITION], found[_AT_INSTANCE]
        time = found[_AT_TIME] + found[_AT_TRIGGER]
        found[_AT_POSITION] = found[_AT_INSTANCE] = found[_AT_TIME] = found[_AT_TRIGGER] = b""
        if not alike:
            alike, first = found, dict(zip(_WANTED, found, strict=True))
            _check_kind({tag: value for tag, value in first.items() if value})
            needed = 2 * _short(first, _ROWS) * _short(first, _COLUMNS)
        elif found != alike:
            raise NotPlain("its objects differ in more than their place")
        if length != needed:
            raise NotPlain("its values take another room than their matrix")
        instance, position = floats(number, 1)[0], floats(place, 3)
        slices.append(StackSlice(path, int(instance), offset, position, time, values))
    return slices, {tag: value for tag, value in first.items() if value}


class SliceReader:
    """Reads the headers of objects that resemble each other.

    Parameters
    ----------
    count : int
        How many will be read.
    wanted : tuple of int
        (W,) tags, ascending.
    """

    def __init__(self, count: int, wanted: tuple[int, ...]) -> None:
        self._walker = walker_for(count)
        self._wanted, self._array = wanted, np.array(wanted, np.int64)
        self._found = np.zeros(2 * len(wanted), np.int64)
        self._steps = _HEAD_BYTES

    def read(self, path: str, *, keep: bool) -> tuple[list[bytes], int, int, bytes]:
        """Read the header of an object.

        Parameters
        ----------
        keep : bool
            Whether the values are kept when they came along.

        Returns
        -------
        tuple
            The wanted values as stored (W), where the pixel values are and how long, and those if
            at hand.

        Raises
        ------
        NotPlain
            If it is written in another way than the everyday one.
        """
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(handle).st_size
            head, how, at, length, found = self._head(handle, size)
        finally:
            os.close(handle)
        if how != AT_PIXELS or at + length > size:
            raise NotPlain("its objects are not written in the everyday way")
        values = [
            head[start : start + many] for start, many in zip(found[::2], found[1::2], strict=True)
        ]
        return values, at, length, head[at : at + length] if keep and len(head) == size else b""

    def _head(self, handle: int, size: int) -> tuple[bytes, int, int, int, list[int]]:
        """Read so much of an object that its header is whole: as much as for the last one."""
        steps = (_SMALL_BYTES,) if size <= _SMALL_BYTES else self._steps
        for most in steps:
            head = os.pread(handle, most, 0)
            meta = read_meta(head)
            if meta is None or meta[0] not in {IMPLICIT, _EXPLICIT}:
                raise NotPlain("its objects are compressed, or stored in another byte order")
            how, at, length, found = self._walk(head, meta)
            if how != CUT:
                break
        if size > _SMALL_BYTES and how == AT_PIXELS:
            self._steps = at + _SLACK_BYTES, _HEAD_BYTES[-1]
        return head, how, at, length, found

    def _walk(self, head: bytes, meta: tuple[str, int]) -> tuple[int, int, int, list[int]]:
        explicit = meta[0] != IMPLICIT
        if self._walker is walk:
            plain = [0] * (2 * len(self._wanted))
            return *stroll(head, meta[1], explicit, self._wanted, plain), plain
        self._found.fill(0)
        ended = self._walker(head, meta[1], explicit, VR_FORMS, self._array, self._found)
        return *ended, self._found.tolist()


def _check_kind(first: dict[int, bytes]) -> None:
    modality = CLASSES.get(first.get(_CLASS, b"").strip(b"\0 "))
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
    normal = unsheared(turned)
    ordered = sorted(slices, key=lambda one: one.instance)
    if any(a.instance == b.instance for a, b in pairwise(ordered)):
        raise NotPlain("two of its objects have one number")
    places = np.array([one.position for one in ordered])
    n_slices = len(np.unique(np.round(places, 4), axis=0))
    n_volumes, rest = divmod(len(ordered), n_slices)
    if rest or n_slices < 2:
        raise NotPlain("some of its slices are missing, or there more often than others")
    grid = places.reshape(n_volumes, n_slices, 3)
    if n_volumes > 1 and np.abs(grid - grid[:1]).max() > JITTER_MM:
        raise NotPlain("its objects are not numbered volume after volume")
    step = even_step(grid[0], normal)
    volumes = [ordered[at : at + n_slices] for at in range(0, len(ordered), n_slices)]
    return volumes, step


def _numbers(found: dict[int, bytes], tag: int, count: int) -> NDArray[np.float64]:
    return np.array(floats(found.get(tag, b""), count))


def _short(found: dict[int, bytes], tag: int) -> int:
    return int.from_bytes(found.get(tag, b"")[:2], "little")
