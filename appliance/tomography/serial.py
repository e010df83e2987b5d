"""Alignment of serial sections by shifts alone: each onto the one before it, and then a path.

What `xfalign -pa -1 -pr` and `xftoxg -ro` of IMOD do to the sections of a FIB or block face SEM:
neighbours are laid upon each other by cross-correlation, and what jumps from section to section is
taken out. What goes on over many sections may be the specimen's own: it can be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.tomography.coarse import correlate
from appliance.tomography.resampling import block_means
from appliance.tomography.working import clean

__all__ = ["WINDOW", "Drift", "SerialAlignment", "align_sections", "local_trend"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Drift = Literal["keep", "remove"]
WINDOW = 7
"""Sections over which a line is laid, as xftoxg does."""
_SIDE = 1024  # longest edge of the images that are correlated
_LEAST = 16
_WEAK = 4.5  # deviations: a peak below is no peak
_REACH = 0.45  # of the shorter edge
_EDGE = 0.12  # of an image, over which it fades
_BROKEN = 0.5  # of its pixels: a section is no image any more
_ROUNDS, _SPREADS = 10, 4.685  # of the robust fit


@dataclass(frozen=True, slots=True)
class SerialAlignment:
    """How sections are laid upon each other.

    Attributes
    ----------
    onto_previous : array (n, 2)
        Shift (x, y) in pixels that brings each section onto the one before it.
    shifts : array (n, 2)
        Shift (x, y) in pixels that is applied to each section.
    peaks : array (n,)
        Height of the peak of correlation in deviations; 0 where there was none to compare with.
    n_images : int
        Sections that hold an image.
    flaws : dict of int to str
        Sections that could not be laid upon their neighbours, and why.
    """

    onto_previous: Floats
    shifts: Floats
    peaks: Floats
    n_images: int
    flaws: dict[int, str] = field(default_factory=dict)


def align_sections(
    read: Callable[[int], NDArray[Any]],
    n: int,
    *,
    drift: Drift = "keep",
    progress: Callable[[float], None] = lambda _: None,
) -> SerialAlignment:
    """Align the sections of a stack.

    Parameters
    ----------
    read : callable
        ``read(i)`` gives section i, (ny, nx) of real numbers; each is read once, in order.
    n : int
    drift : {"keep", "remove"}
        Whether what goes on over more than seven sections stays, or all sections are brought to
        one place.
    progress : callable
        Told the share that is done.

    Raises
    ------
    FormatError
        If sections have fewer than 16 pixels a side.
    """
    steps, peaks = np.zeros((n, 2)), np.zeros(n)
    flaws: dict[int, str] = {}
    before: Image | None = None
    n_images = 0
    for i in range(n):
        image, binning, flaw = _prepared(read(i))
        if flaw:
            flaws[i] = flaw
        elif before is not None:
            reach = _REACH * min(image.shape)
            shift, peaks[i] = correlate(before, image, reach)
            if peaks[i] < _WEAK:
                flaws[i] = "it does not resemble the section before it"
            else:
                steps[i] = shift * binning
        if not flaw:
            before, n_images = image, n_images + 1
        progress((i + 1) / n)
    return SerialAlignment(steps, _applied(steps, drift), peaks, n_images, flaws)


def local_trend(path: Floats, window: int = WINDOW) -> Floats:
    """Lay a line through each place's neighbours, so that single jumps count little.

    Parameters
    ----------
    path : array (n, 2)
    window : int
        Places that a line is laid through; at the ends these are the outermost ones.

    Returns
    -------
    array (n, 2)
        Of each line where its place is.
    """
    n = len(path)
    trend = np.empty_like(path)
    for i in range(n):
        first = min(max(0, i - window // 2), max(0, n - window))
        at = np.arange(first, min(n, first + window))
        for axis in range(path.shape[1]):
            trend[i, axis] = _line(at - i, path[at, axis])
    return trend


def _applied(steps: Floats, drift: Drift) -> Floats:
    """Give the shifts of sections out of those onto the section before."""
    path = np.cumsum(steps, axis=0)
    if drift == "remove" or len(path) < WINDOW:  # a line fits few sections whatever they do
        centred: Floats = path - path.mean(axis=0)
        return centred
    return path - local_trend(path)


def _line(x: NDArray[np.int64], y: Floats) -> float:
    """Value at x = 0 of a line through points, Tukey's weights (bisquare)."""
    weights = np.ones(len(x))
    value = 0.0
    for _ in range(_ROUNDS):
        mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
        spread = float(weights @ (x - mean_x) ** 2)
        slope = float(weights @ ((x - mean_x) * (y - mean_y))) / spread if spread else 0.0
        value = float(mean_y - slope * mean_x)
        away = np.abs(y - value - slope * x)
        scale = _SPREADS * float(np.median(away)) / 0.6745
        if scale < 1e-9:
            break
        fresh = np.clip(1 - (away / scale) ** 2, 0, None) ** 2
        if np.count_nonzero(fresh) < 3:
            break
        weights = fresh
    return value


def _prepared(section: NDArray[Any]) -> tuple[Image, int, str]:
    """Make a section small, even and faded at its edges; say how small, and what is wrong."""
    if min(section.shape) < _LEAST:
        raise FormatError(
            f"sections of {section.shape[1]} x {section.shape[0]} pixels are too small to align"
        )
    image, _, broken = clean(np.asarray(section, np.float32))
    binning = max(1, -(-max(image.shape) // _SIDE))
    ny, nx = (length // binning * binning for length in image.shape)
    small = block_means(image[:ny, :nx], binning)
    spread = float(small.std())
    if broken > _BROKEN:
        return small, binning, "most of it is no number"
    if not spread:
        return small, binning, "it is empty"
    even = (small - small.mean()) / np.float32(spread)
    return np.asarray(even * _fade(even.shape), np.float32), binning, ""


def _fade(shape: tuple[int, ...]) -> Image:
    edges = []
    for length in shape:
        at = (np.arange(length) + 0.5) / length
        edges.append(np.sin(np.pi / 2 * np.clip(np.minimum(at, 1 - at) / _EDGE, 0, 1)) ** 2)
    return np.asarray(np.outer(*edges), np.float32)
