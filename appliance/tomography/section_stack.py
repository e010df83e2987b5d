"""Writes the aligned stack of serial sections: shifted, stretched, binned, of one grey level.

What `newstack -x align.xg -x stretch.xf -meansd 150,40 -mo 0` of IMOD makes: bytes, each section of
mean 150 and deviation 40. Where a section does not reach, its mean is. Bytes of MRC files have a
sign: they are stored less 128, and whoever knows bytes without a sign adds it again, as IMOD does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.tomography.resampling import Samples, Tilt, aligned_image, block_means

__all__ = ["SectionFrame", "grey_of", "level", "section_frame", "write_sections"]

Floats = NDArray[np.float64]
_STEEPEST_DEG = 85.0
_LEAST = 4
_SIGN = np.uint8(128)


@dataclass(frozen=True, slots=True)
class SectionFrame:
    """What all sections of a stack are brought to.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of a section of the result.
    stretch : float
        Along y: a surface that is seen under a tilt looks too short there.
    binning : int
        Pixels that become one, along each side.
    """

    shape: tuple[int, int]
    stretch: float
    binning: int


def section_frame(shape: tuple[int, int], tilt_deg: float, binning: int) -> SectionFrame:
    """Choose the frame of sections (ny, nx).

    Parameters
    ----------
    shape : (int, int)
    tilt_deg : float
        Angle by which the surface is tilted away from the beam; rows are stretched by 1 / cos.
    binning : int

    Raises
    ------
    Invalid
        If the angle is 85 degrees or more, or the binning leaves hardly a pixel.
    """
    if not abs(tilt_deg) < _STEEPEST_DEG:
        raise Invalid(f"a surface cannot be seen under a tilt of {tilt_deg} degrees")
    stretch = 1 / float(np.cos(np.radians(tilt_deg)))
    rows, columns = round(shape[0] * stretch) // max(1, binning), shape[1] // max(1, binning)
    if binning < 1 or min(rows, columns) < _LEAST:
        raise Invalid(f"a binning of {binning} does not fit sections of {shape[1]} x {shape[0]}")
    return SectionFrame((rows, columns), stretch, binning)


def level(
    image: NDArray[np.float32], statistics: tuple[float, float], wanted: tuple[float, float]
) -> NDArray[np.uint8]:
    """Give an image another mean and deviation, as bytes.

    Parameters
    ----------
    image : array (ny, nx)
    statistics, wanted : tuple of float
        Mean and deviation that it has, and that it gets; without a deviation all is the mean.
    """
    factor = wanted[1] / statistics[1] if statistics[1] > 0 else 0.0
    grey = (image - np.float32(statistics[0])) * np.float32(factor) + np.float32(wanted[0])
    levels: NDArray[np.uint8] = np.rint(grey).clip(0, 255).astype(np.uint8)
    return levels


def write_sections(
    path: Path,
    read: Callable[[int], NDArray[Any]],
    shifts: Floats,
    frame: SectionFrame,
    *,
    pixel_nm: float,
    section_nm: float,
    wanted: tuple[float, float] = (150.0, 40.0),
    progress: Callable[[float], None] = lambda _: None,
) -> None:
    """Write the stack as an MRC file of bytes.

    Parameters
    ----------
    path : Path
    read : callable
        ``read(i)`` gives section i, (ny, nx) of real numbers.
    shifts : array (n, 2)
        In pixels, (x, y).
    frame : SectionFrame
    pixel_nm, section_nm : float
        Edge of a pixel of the result, and the distance of two sections; 0 when unknown.
    wanted : tuple of float
        Mean and deviation of each section.
    progress : callable
        Told the share that is done.

    Notes
    -----
    Memory: a few times one section.
    """
    from appliance.formats import MrcWriter

    shape = (len(shifts), *frame.shape)
    titles = ("serial sections, aligned by shifts",)
    with MrcWriter(
        path, shape, np.int8, 10 * pixel_nm, titles=titles, section_angstrom=10 * section_nm
    ) as out:
        for i, shift in enumerate(shifts):
            image, statistics = _numbers(read(i))
            grey = level(_placed(image, statistics[0], shift, frame), statistics, wanted)
            out.write(i, (grey ^ _SIGN).view(np.int8))
            progress((i + 1) / len(shifts))


def grey_of(section: NDArray[Any]) -> NDArray[np.uint8]:
    """Give a section of such a file as a picture of bytes, the upper row first."""
    picture: NDArray[np.uint8] = np.ascontiguousarray(section[::-1]).view(np.uint8) ^ _SIGN
    return picture


def _numbers(section: NDArray[Any]) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Give a section whose pixels are all numbers, with mean and deviation of those it had."""
    image = np.array(section, np.float32)
    bad = ~np.isfinite(image)
    good = image[~bad]
    if not good.size:
        return np.zeros_like(image), (0.0, 0.0)
    mean = float(good.mean(dtype=np.float64))
    image[bad] = mean
    return image, (mean, float(good.std(dtype=np.float64)))


def _placed(
    image: NDArray[np.float32], mean: float, shift: Floats, frame: SectionFrame
) -> NDArray[np.float32]:
    """Shift first, then stretch, in one interpolation."""
    b = frame.binning
    ny, nx = (length // b * b for length in image.shape)
    binned = block_means(image[:ny, :nx], b) if b > 1 else image
    corner = np.array(image.shape[::-1], np.float64) / b / 2 - 0.5
    matrix = np.diag([1.0, frame.stretch])
    rows, columns = frame.shape
    samples = Samples(-(columns - 1) / 2, 1.0, columns, -(rows - 1) / 2, rows)
    return aligned_image(Tilt(binned, mean, corner, b), matrix, matrix @ shift, samples)
