"""What stacks of slices have in common, however they are stored: their parts, order and place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from appliance.formats.frame_stack import FrameObject

__all__ = [
    "CLASSES",
    "JITTER_MM",
    "NotPlain",
    "PlainStack",
    "StackSlice",
    "even_step",
    "floats",
    "stack_affine",
    "unsheared",
]

CLASSES = {
    b"1.2.840.10008.5.1.4.1.1.2": "CT",
    b"1.2.840.10008.5.1.4.1.1.4": "MR",
    b"1.2.840.10008.5.1.4.1.1.128": "PT",
    b"1.2.840.10008.5.1.4.1.1.2.1": "CT",
    b"1.2.840.10008.5.1.4.1.1.4.1": "MR",
    b"1.2.840.10008.5.1.4.1.1.130": "PT",
}
"""Kinds of images by their class: classic, then enhanced."""
JITTER_MM = 1e-3
_SHEAR = 1e-4  # of the distance of two slices
_TURN = 1e-4


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
    frames : FrameObject or None
        The object of which all slices are frames.
    """

    volumes: Sequence[Sequence[StackSlice]]
    rows: int
    columns: int
    signed: bool
    modality: str
    maker: str
    in_3d: bool
    affine: NDArray[np.float64]
    frames: FrameObject | None = None

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


def floats(value: bytes, count: int) -> tuple[float, ...]:
    """Read decimals that places depend on.

    Raises
    ------
    NotPlain
        If they are not there.
    """
    try:
        numbers = tuple(map(float, value.strip(b"\0 ").split(b"\\")))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise NotPlain("an element that places its slices is missing, or cannot be read")
    return numbers


def unsheared(turned: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the normal of the two directions of a slice; refused unless they are a right angle."""
    rows, columns = turned[:3], turned[3:]
    skew = (
        abs(float(rows @ columns)),
        abs(float(rows @ rows) - 1),
        abs(float(columns @ columns) - 1),
    )
    if max(skew) > _TURN:
        raise NotPlain("its axes are no right angle")
    return np.asarray(np.cross(rows, columns), np.float64)


def even_step(places: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the step between slices at these places (Z, 3); refused unless all are alike."""
    steps = np.diff(places, axis=0)
    along = steps @ normal
    if np.abs(steps - steps[0]).max() > JITTER_MM or abs(along[0]) < JITTER_MM:
        raise NotPlain("its slices are not evenly spaced")
    sideways = steps - along[:, None] * normal
    if np.abs(sideways).max() > max(_SHEAR * abs(along[0]), JITTER_MM):
        raise NotPlain("its slices are sheared")
    return np.asarray(places[1] - places[0], np.float64)


def stack_affine(
    turned: NDArray[np.float64],
    spacing: Sequence[float],
    step: NDArray[np.float64],
    corner: Sequence[float],
) -> NDArray[np.float64]:
    """Give column, row, slice -> world (RAS+ mm) of what DICOM tells in LPS."""
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = turned[:3] * spacing[1], turned[3:] * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, corner
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
