"""Bringing the pixels of a tilt onto the aligned grid in one interpolation.

Rotation, shift and the stretch across the tilt axis are folded into a single bicubic resampling
of the (binned) tilt, so that no pixel is interpolated twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid
from appliance.tomography.compiled import reordered
from appliance.tomography.hot_pixels import replace_hot_pixels
from appliance.tomography.records import TiltAlignment, TiltSeries

__all__ = [
    "Frame",
    "Samples",
    "Tilt",
    "aligned_image",
    "aligned_stack",
    "binned_tilt",
    "block_means",
    "check_alignment",
    "frame_of",
    "near_edge",
    "usable",
    "whole_frame",
]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """Size of the aligned images in binned pixels."""

    ny: int
    nx: int
    binning: int


@dataclass(frozen=True, slots=True)
class Samples:
    """Points of the aligned image, in binned pixels from its centre.

    Attributes
    ----------
    x, dx, nx : float, float, int
        First, step and number along a row.
    y, ny : float, int
        First row and number of rows, which lie one apart.
    fade : float
        Pixels over which an image fades into its mean at the ends of its rows; 0 for a sharp edge.
    """

    x: float
    dx: float
    nx: int
    y: float
    ny: int
    fade: float = 0.0


@dataclass(frozen=True, slots=True)
class Tilt:
    """One section, binned.

    Attributes
    ----------
    image : array (ny, nx) of float32
    mean : float
        NaN when none of its pixels is a number.
    corner : array (2,)
        Place of the centre of the unbinned section, (x, y) in binned pixels from the first one.
    binning : int
    """

    image: F32
    mean: float
    corner: F64
    binning: int


def frame_of(series: TiltSeries, binning: int = 1) -> Frame:
    """Tell the size of the aligned images of a series.

    Raises
    ------
    Invalid
        If the binning leaves less than two pixels a side.
    """
    _, ny, nx = series.images.shape
    if binning < 1 or min(ny, nx) // max(binning, 1) < 4:
        raise Invalid(f"a binning of {binning} does not fit images of {nx} by {ny} pixels")
    return Frame(ny // binning, nx // binning, binning)


def whole_frame(frame: Frame) -> Samples:
    """Every pixel of the aligned image."""
    return Samples(-(frame.nx - 1) / 2, 1.0, frame.nx, -(frame.ny - 1) / 2, frame.ny)


def check_alignment(series: TiltSeries, alignment: TiltAlignment) -> None:
    """Refuse what is no tilt series, or an alignment of another one.

    Raises
    ------
    FormatError
        If the images are no stack of sections.
    Invalid
        If the alignment does not have one sound entry for each section.
    """
    if series.images.ndim != 3 or not series.images.size:
        raise FormatError(f"{series.path.name} is not a stack of images")
    n = len(series.images)
    wanted = ((n, 2, 2), (n, 2), (n,), (n,))
    parts = (alignment.matrices, alignment.shifts, alignment.angles_deg, alignment.used)
    if tuple(np.shape(part) for part in parts) != wanted:
        raise Invalid(
            f"the alignment is not one of {series.path.name}: it is for "
            f"{len(alignment.angles_deg)} tilts, the series has {n}"
        )
    for i in np.flatnonzero(alignment.used):
        if not usable(alignment.matrices[i], alignment.shifts[i]):
            raise Invalid(
                f"the alignment of section {i} is not a number or cannot be inverted",
                hint="Leave this tilt out, or align again.",
            )


def binned_tilt(section: NDArray[np.generic], binning: int) -> Tilt:
    """Average blocks of pixels; hot pixels and what is no number are replaced before.

    Parameters
    ----------
    section : array (ny, nx)
    binning : int
    """
    ny, nx = (length // binning * binning for length in section.shape)
    image = np.array(section[:ny, :nx], np.float32, order="C")
    bad = ~np.isfinite(image) if section.dtype.kind == "f" else np.zeros(1, bool)
    if bad.all():
        image[:] = np.nan
    elif bad.any():
        image[bad] = image[~bad].mean(dtype=np.float64)
    if not bad.all():
        replace_hot_pixels(image)
    if binning > 1:
        image = block_means(image, binning)
    middle = np.array(section.shape[::-1], np.float64) / binning / 2 - 0.5
    return Tilt(image, float(image.mean(dtype=np.float64)), middle, binning)


def block_means(image: F32, binning: int) -> F32:
    """Average blocks of an image whose sides are whole numbers of blocks."""
    ny, nx = (length // binning for length in image.shape)
    blocks = image.reshape(ny, binning, nx, binning)
    return np.ascontiguousarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def aligned_image(tilt: Tilt, matrix: F64, shift: F64, samples: Samples) -> F32:
    """Sample a tilt where points of the aligned image lie; beyond it is its mean.

    Parameters
    ----------
    tilt : Tilt
    matrix, shift : arrays (2, 2), (2,)
        Alignment of the section in unbinned pixels, see `TiltAlignment`.
    samples : Samples

    Returns
    -------
    array (samples.ny, samples.nx) of float32
    """
    inverse = np.linalg.inv(matrix)
    first = np.array([samples.x, samples.y]) - shift / tilt.binning
    view = np.stack([tilt.corner + inverse @ first, inverse[:, 0] * samples.dx, inverse[:, 1]])
    out = np.empty((samples.ny, samples.nx), np.float32)
    if np.isfinite(tilt.mean):
        # Only the ends of rows fade: beyond the others no filter looks.
        is_upright = abs(matrix[0, 0]) >= abs(matrix[0, 1])
        reach = np.array([samples.fade, 0.0] if is_upright else [0.0, samples.fade])
        _resample(tilt.image, np.float32(tilt.mean), view, reach, out)
    else:
        out[:] = 0
    return out


def aligned_stack(
    series: TiltSeries, alignment: TiltAlignment, *, binning: int = 1
) -> Iterator[F32]:
    """Yield every section as it looks once aligned (what IMOD calls the ``_ali`` stack).

    Sections that are left out of the reconstruction are among them, where their alignment is
    known; beyond an image lies its mean.

    Parameters
    ----------
    series : TiltSeries
    alignment : TiltAlignment
    binning : int
        Pixels that become one, along each side.

    Yields
    ------
    array (ny // binning, nx // binning) of float32

    Raises
    ------
    FormatError, Invalid
    """
    check_alignment(series, alignment)
    samples = whole_frame(frame_of(series, binning))
    for section, matrix, shift in zip(
        series.images, alignment.matrices, alignment.shifts, strict=True
    ):
        tilt = binned_tilt(section, binning)
        if usable(matrix, shift):
            yield aligned_image(tilt, matrix, shift, samples)
        else:
            yield aligned_image(tilt, np.eye(2), np.zeros(2), samples)


def usable(matrix: F64, shift: F64) -> bool:
    """Whether one section's alignment consists of numbers and can be inverted."""
    sound = bool(np.isfinite(matrix).all() and np.isfinite(shift).all())
    return sound and abs(float(np.linalg.det(matrix))) > 1e-3


@reordered
def _resample(image: F32, fill: np.float32, view: F64, reach: F64, out: F32) -> None:
    ny, nx = image.shape
    flat = image.ravel()
    corner, along, across = view
    for j in range(out.shape[0]):
        x0, y0 = corner[0] + across[0] * j, corner[1] + across[1] * j
        row = out[j]
        for i in range(row.size):
            x, y = x0 + along[0] * i, y0 + along[1] * i
            if x >= 1 and y >= 1 and x < nx - 2 and y < ny - 2:
                ix, iy = int(x), int(y)
                at = np.uintp((iy - 1) * nx + ix - 1)
                row[i] = _cubic(flat, at, np.uintp(nx), np.float32(x - ix), np.float32(y - iy))
            else:
                row[i] = near_edge(image, fill, x, y, reach)


@reordered
def _weights(t: np.float32) -> tuple[np.float32, ...]:
    """Keys' cubic (1981, a = -1/2)."""
    half, one = np.float32(0.5), np.float32(1)
    a = ((-half * t + one) * t - half) * t
    b = (np.float32(1.5) * t - np.float32(2.5)) * t * t + one
    d = (half * t - half) * t * t
    return a, b, one - a - b - d, d


@reordered
def _cubic(flat: F32, at: np.uintp, nx: np.uintp, tx: np.float32, ty: np.float32) -> np.float32:
    """Four by four pixels from `at` on; unsigned places need no look for negative ones."""
    a, b, c, d = _weights(tx)
    e, f, g, h = _weights(ty)
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    q = at + nx
    r = q + nx
    s = r + nx
    s0 = e * flat[at] + f * flat[q] + g * flat[r] + h * flat[s]
    s1 = e * flat[at + one] + f * flat[q + one] + g * flat[r + one] + h * flat[s + one]
    s2 = e * flat[at + two] + f * flat[q + two] + g * flat[r + two] + h * flat[s + two]
    s3 = e * flat[at + three] + f * flat[q + three] + g * flat[r + three] + h * flat[s + three]
    value: np.float32 = a * s0 + b * s1 + c * s2 + d * s3
    return value


@reordered
def near_edge(image: F32, fill: np.float32, x: float, y: float, reach: F64) -> np.float32:
    """Bilinear within half a pixel of the image; beyond, its edge fades into the fill."""
    ny, nx = image.shape
    cx, cy = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0)
    away_x, away_y = abs(x - cx) - 0.5, abs(y - cy) - 0.5
    if away_x > reach[0] or away_y > reach[1]:
        return fill
    ix, iy = min(int(cx), nx - 2), min(int(cy), ny - 2)
    tx, ty = np.float32(cx - ix), np.float32(cy - iy)
    one = np.float32(1)
    top = (one - tx) * image[iy, ix] + tx * image[iy, ix + 1]
    low = (one - tx) * image[iy + 1, ix] + tx * image[iy + 1, ix + 1]
    value: np.float32 = (one - ty) * top + ty * low
    away = max(away_x, away_y)
    if away <= 0:
        return value
    share = np.float32(0.5 + 0.5 * np.cos(np.pi * away / (reach[0] + reach[1])))
    return fill + (value - fill) * share
