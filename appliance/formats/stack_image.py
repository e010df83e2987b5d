"""The values of a plain stack as a NIfTI image, turned as another program turned a part of it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.formats.frame_stack import write_frames
from appliance.formats.stack_parts import NotPlain, PlainStack, StackSlice

__all__ = [
    "ImageHead",
    "Turn",
    "lay_out",
    "part_of",
    "stack_values",
    "turn_of",
    "write_stack_image",
]

_HEADER = 348
_DIM, _TYPE, _PIXDIM, _OFFSET = 40, 70, 76, 108
_QOFFSET, _SROWS = 268, 280
_SIGNED, _UNSIGNED = 4, 512
_CLOSE = 1e-3
_BUFFER_BYTES = 1 << 18
_MOST_BYTES = 1 << 20  # of a volume that is turned at once


@dataclass(frozen=True)
class Turn:
    """How an image lies in its stack: axis i runs along ``axes[i]``, backwards if ``flips[i]``."""

    axes: tuple[int, ...]
    flips: tuple[bool, ...]


@dataclass(frozen=True)
class ImageHead:
    """What stands before the values of a NIfTI-1 image that a converter made."""

    raw: bytes

    @classmethod
    def read(cls, path: Path) -> ImageHead:
        """Read it.

        Raises
        ------
        NotPlain
            If the image is no little-endian NIfTI-1 of 16 bits in one file.
        """
        with path.open("rb") as stream:
            head = stream.read(_HEADER)
            if head[:4] != struct.pack("<i", _HEADER) or head[344:348] != b"n+1\0":
                raise NotPlain("the converter made another kind of file")
            offset = int(struct.unpack_from("<f", head, _OFFSET)[0])
            head += stream.read(offset - _HEADER)
        found = cls(head)
        if found.kind not in {_SIGNED, _UNSIGNED}:
            raise NotPlain("the converter made another type of numbers")
        return found

    @property
    def kind(self) -> int:
        """NIfTI's number of the type of the values."""
        return int(struct.unpack_from("<h", self.raw, _TYPE)[0])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Size along four axes."""
        sizes = struct.unpack_from("<5h", self.raw, _DIM)
        return sizes[1], sizes[2], sizes[3], max(1, sizes[4])

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel -> world by the rows of the header."""
        rows = np.array(struct.unpack_from("<12f", self.raw, _SROWS), np.float64)
        return np.vstack([rows.reshape(3, 4), [0, 0, 0, 1]])

    def values(self, path: Path) -> NDArray[Any]:
        """Give the values of the file that starts with this, (T, Z, Y, X)."""
        found: NDArray[Any] = np.fromfile(path, self.dtype, offset=len(self.raw))
        return found.reshape(self.shape[::-1])

    @property
    def dtype(self) -> np.dtype[np.int16] | np.dtype[np.uint16]:
        """Type of the values."""
        return np.dtype("<i2") if self.kind == _SIGNED else np.dtype("<u2")

    def enlarged(
        self, shape: tuple[int, ...], moved: NDArray[np.float64], *, seconds: float
    ) -> bytes:
        """Give the start of a larger image of the same series."""
        raw = bytearray(self.raw)
        struct.pack_into("<5h", raw, _DIM, 4 if shape[3] > 1 else 3, *shape)
        struct.pack_into("<f", raw, _PIXDIM + 16, seconds)
        for axis in range(3):
            for at in (_QOFFSET + 4 * axis, _SROWS + 16 * axis + 12):
                (before,) = struct.unpack_from("<f", raw, at)
                struct.pack_into("<f", raw, at, before + moved[axis])
        return bytes(raw)

    @property
    def seconds(self) -> float:
        """Time from one volume to the next, as the header has it."""
        return float(struct.unpack_from("<f", self.raw, _PIXDIM + 16)[0])


def part_of(
    stack: PlainStack, *, volumes: int | None = None, slices: int | None = None, skip: int = 0
) -> PlainStack:
    """Give the first volumes of a stack, and so many slices of them after some, as a stack."""
    affine = stack.affine.copy()
    affine[:3, 3] += skip * affine[:3, 2]
    end = None if slices is None else skip + slices
    kept = [one[skip:end] for one in stack.volumes[:volumes]]
    return replace(stack, volumes=kept, affine=affine)


def lay_out(part: PlainStack, folder: Path) -> None:
    """Put the objects of a part into a folder: those there are, or one of a part of the frames.

    Raises
    ------
    NotPlain
        If an object has become shorter meanwhile.
    """
    if part.frames is not None:
        write_frames(folder / "frames.dcm", part)
        return
    for volume in part.volumes:
        for one in volume:
            (folder / f"{one.instance:08d}.dcm").symlink_to(Path(one.path).absolute())


def turn_of(stack: PlainStack, head: ImageHead) -> Turn:
    """Find how an image lies in the stack that it was made from.

    Raises
    ------
    NotPlain
        If it lies nowhere in it, or has another size.
    """
    between = np.linalg.solve(stack.affine[:3, :3], head.affine[:3, :3])
    axes = tuple(int(axis) for axis in np.abs(between).argmax(axis=0))
    signs = [between[axis, i] for i, axis in enumerate(axes)]
    ideal = np.zeros((3, 3))
    for i, axis in enumerate(axes):
        ideal[axis, i] = np.sign(signs[i])
    turn = Turn(axes, tuple(bool(sign < 0) for sign in signs))
    if sorted(axes) != [0, 1, 2] or np.abs(between - ideal).max() > _CLOSE:
        raise NotPlain("the converter places it otherwise")
    away = np.abs(_origin(stack, turn) - head.affine[:3, 3]).max()
    if _shape(stack, turn) != head.shape or away > _CLOSE:
        raise NotPlain("the converter gives it another size or place")
    return turn


def _shape(stack: PlainStack, turn: Turn) -> tuple[int, ...]:
    return *(stack.shape[axis] for axis in turn.axes), stack.shape[3]


def _origin(stack: PlainStack, turn: Turn) -> NDArray[np.float64]:
    corner = np.zeros(4)
    corner[3] = 1
    for axis, flipped in zip(turn.axes, turn.flips, strict=True):
        corner[axis] = stack.shape[axis] - 1 if flipped else 0
    found: NDArray[np.float64] = (stack.affine @ corner)[:3]
    return found


def stack_values(stack: PlainStack, turn: Turn) -> NDArray[Any]:
    """Give all values as they stand in the image, (T, Z, Y, X)."""
    return np.stack([_volume(stack, one, turn) for one in stack.volumes])


def _volume(stack: PlainStack, volume: Sequence[StackSlice], turn: Turn) -> NDArray[Any]:
    planes = [np.atleast_3d(one.T).T for one in _planes(stack, volume, turn)]
    return np.concatenate(planes)


def write_stack_image(
    path: Path, stack: PlainStack, head: ImageHead, of: PlainStack, *, seconds: float
) -> None:
    """Write a stack as an image.

    Parameters
    ----------
    head : ImageHead
        Start of the image that a converter made of a part of the stack.
    of : PlainStack
        That part.
    seconds : float
        Time from one volume to the next.

    Raises
    ------
    NotPlain
        If an object has become shorter meanwhile.
    """
    turn = turn_of(of, head)
    moved = _origin(stack, turn) - _origin(of, turn)
    with path.open("wb", buffering=_BUFFER_BYTES) as stream:
        stream.write(head.enlarged(_shape(stack, turn), moved, seconds=seconds))
        for one in stack.volumes:
            for plane in _planes(stack, one, turn):
                stream.write(plane.data)


def _planes(stack: PlainStack, volume: Sequence[StackSlice], turn: Turn) -> Iterator[NDArray[Any]]:
    """Give the planes of one volume in the order of the file, or all at once, without gaps."""
    along = slice(None, None, -1)
    flips = [along if flip else slice(None) for flip in turn.flips]
    straight = turn.axes == (0, 1, 2)
    size = len(volume) * stack.rows * stack.columns * stack.dtype.itemsize
    if straight and (stack.frames is None or size > _MOST_BYTES):
        scratch = np.empty((stack.rows, stack.columns), stack.dtype)
        for _ in _filled(volume[flips[2]], repeat(scratch)):
            yield np.ascontiguousarray(scratch[flips[1], flips[0]])
        return
    whole = np.empty((len(volume), stack.rows, stack.columns), stack.dtype)
    if stack.frames is None:
        for _ in _filled(volume, whole):
            pass
    else:
        _fill_runs(volume, whole)
    if straight:
        yield np.ascontiguousarray(whole[flips[2], flips[1], flips[0]])
        return
    seen = whole.transpose([2 - axis for axis in reversed(turn.axes)])
    for plane in seen[flips[2]]:
        yield np.ascontiguousarray(_gathered(plane)[flips[1], flips[0]])


def _gathered(plane: NDArray[Any]) -> NDArray[Any]:
    """Bring the lines of a plane side by side in memory: turning it then takes a tenth."""
    across = plane.strides[1] > plane.strides[0]
    return np.ascontiguousarray(plane.T).T if across else plane


def _filled(slices: Iterable[StackSlice], places: Iterable[NDArray[Any]]) -> Iterator[None]:
    """Read slice after slice, each into its place."""
    for one, into in zip(slices, places, strict=False):
        if one.values:
            into[...] = np.frombuffer(one.values, into.dtype).reshape(into.shape)
        else:
            _fill_runs([one], into[None])
        yield


def _fill_runs(slices: Sequence[StackSlice], into: NDArray[Any]) -> None:
    """Read slices of one object; those that follow each other there at once."""
    count = into[0].nbytes
    handle = os.open(slices[0].path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        begin = 0
        for end in range(1, len(slices) + 1):
            if end < len(slices) and slices[end].offset == slices[end - 1].offset + count:
                continue
            if os.preadv(handle, [into[begin:end].data], slices[begin].offset) != count * (
                end - begin
            ):
                raise NotPlain("an object became shorter while it was read")
            begin = end
    finally:
        os.close(handle)
