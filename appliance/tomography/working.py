"""The images on which a series is aligned: binned, without hot pixels, dark tilts found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.hot_pixels import replace_hot_pixels
from appliance.tomography.records import TiltSeries

__all__ = ["Working", "clean", "working_images"]

Floats = NDArray[np.float64]
_DARK = 0.1  # of the usual level
_BROKEN = 0.5


@dataclass(frozen=True, slots=True)
class Working:
    """Images to align.

    Attributes
    ----------
    images : array (n_tilts, ny, nx) of float32
        Mean 0, deviation 1; zeros where a tilt is unusable.
    angles_deg : array (n_tilts,)
    binning : int
    flaws : dict of int to str
        Why a tilt is unusable.
    hot : array (n_tilts,) of int
        Pixels that were replaced.
    raw_shape : (int, int)
        Rows and columns before binning.
    """

    images: NDArray[np.float32]
    angles_deg: Floats
    binning: int
    flaws: dict[int, str]
    hot: NDArray[np.int64]
    raw_shape: tuple[int, int]

    @property
    def good(self) -> NDArray[np.int64]:
        """Numbers of the usable tilts by angle, from the lowest to the highest."""
        order = np.argsort(self.angles_deg, kind="stable")
        return np.array([i for i in order if i not in self.flaws], np.int64)

    @property
    def offset(self) -> Floats:
        """Centre of the working image from the centre of the raw one, in raw pixels (x, y)."""
        ny, nx = self.images.shape[1:]
        rows, columns = self.raw_shape
        return np.array([nx * self.binning - columns, ny * self.binning - rows]) / 2


def working_images(series: TiltSeries, *, max_size: int, exclude: frozenset[int]) -> Working:
    """Prepare the images of a series, one after the other.

    Parameters
    ----------
    series : TiltSeries
    max_size : int
        Longest edge after binning.
    exclude : frozenset of int
        Tilts that a person has taken out.
    """
    n, ny, nx = series.images.shape
    binning = max(1, -(-max(ny, nx) // max_size))
    images = np.zeros((n, ny // binning, nx // binning), np.float32)
    levels, spreads, broken = np.zeros(n), np.zeros(n), np.zeros(n)
    hot = np.zeros(n, np.int64)
    for i in range(n):
        image, hot[i], broken[i] = clean(np.asarray(series.images[i], np.float32))
        binned = _binned(image, binning)
        levels[i], spreads[i] = image.mean(dtype=float), image.std(dtype=float)
        images[i] = (binned - binned.mean()) / (binned.std() or 1.0)
    flaws = _flaws(levels, spreads, broken)
    flaws |= dict.fromkeys(sorted(exclude), "taken out")
    images[list(flaws)] = 0
    return Working(images, series.angles_deg, binning, flaws, hot, (ny, nx))


def clean(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], int, float]:
    """Replace pixels that are hot or no numbers.

    Returns
    -------
    array (ny, nx) of float32
    int
        How many were replaced.
    float
        Part of the image that was no number.
    """
    bad = ~np.isfinite(image)
    sample = image[:: max(1, image.shape[0] // 256), :: max(1, image.shape[1] // 256)]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return np.zeros_like(image), image.size, 1.0
    middle = np.float32(np.median(sample))
    out = np.where(bad, middle, image)
    hot = replace_hot_pixels(out)
    return out, int(bad.sum()) + hot, float(bad.mean())


def _binned(image: NDArray[np.float32], binning: int) -> NDArray[np.float32]:
    if binning == 1:
        return image
    ny, nx = (n // binning for n in image.shape)
    cut = image[: ny * binning, : nx * binning].reshape(ny, binning, nx, binning)
    means: NDArray[np.float32] = cut.mean((1, 3), dtype=np.float32)
    return means


def _flaws(levels: Floats, spreads: Floats, broken: Floats) -> dict[int, str]:
    """Tilts without a beam or without an image."""
    flaws: dict[int, str] = {}
    level, spread = float(np.median(levels)), float(np.median(spreads))
    counts = bool((levels > 0).mean() > _BROKEN) and level > spread / 2
    for i in range(len(levels)):
        if broken[i] > _BROKEN:
            flaws[i] = "most of it is no number"
        elif spreads[i] == 0:
            flaws[i] = "it is empty"
        elif (counts and levels[i] < _DARK * level) or spreads[i] < _DARK * spread:
            flaws[i] = "it is dark"
    return flaws
