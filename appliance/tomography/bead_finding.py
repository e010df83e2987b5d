"""Finds gold beads in single images: dark (or light) discs of one size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["bead_diameter", "bead_map", "peaks_of", "refine_peaks"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
_DIAMETERS = (4.0, 5.0, 6.0, 7.0, 8.5, 10.0, 12.0, 14.5, 17.5, 21.0)
_BEST = 12  # beads that speak for a diameter


def bead_map(image: Image, diameter: float, *, light: bool = False) -> Image:
    """How much each place looks like the middle of a bead, in deviations of the map.

    Parameters
    ----------
    image : array (ny, nx) of float32
    diameter : float
        In pixels.
    light : bool
        Whether beads are brighter than their surroundings.
    """
    inner = ndimage.gaussian_filter(image, 0.30 * diameter)
    outer = ndimage.gaussian_filter(image, 0.75 * diameter)
    found = inner - outer if light else outer - inner
    sample = found[::3, ::3]
    spread = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    return np.asarray(found / (spread or 1.0), np.float32)


def peaks_of(found: Image, diameter: float, *, least: float, most: int = 250) -> Floats:
    """Places (n, 3) of the highest peaks of a map: x, y in pixels from index 0, and height."""
    size = max(3, round(diameter * 0.9) | 1)
    top = found == ndimage.maximum_filter(found, size)
    margin = max(2, round(diameter / 2))
    top[:margin] = top[-margin:] = False
    top[:, :margin] = top[:, -margin:] = False
    j, i = np.nonzero(top & (found > least))
    order = np.argsort(found[j, i])[::-1][:most]
    return refine_peaks(found, np.stack([i[order], j[order]], 1))


def refine_peaks(found: Image, at: NDArray[np.int64]) -> Floats:
    """Tops of parabolas about whole pixels (n, 2), in x and in y: (n, 3) with their heights."""
    i, j = at[:, 0], at[:, 1]
    middle = found[j, i].astype(float)
    tops = []
    for low, high in ((found[j, i - 1], found[j, i + 1]), (found[j - 1, i], found[j + 1, i])):
        bend = low.astype(float) - 2 * middle + high
        step = np.where(bend < 0, (low.astype(float) - high) / np.where(bend < 0, 2 * bend, 1), 0)
        tops.append(np.clip(step, -0.5, 0.5))
    return np.stack([i + tops[0], j + tops[1], middle], 1)


def bead_diameter(images: list[Image], *, light: bool = False) -> tuple[float, float]:
    """The diameter in pixels at which most discs stand out, and by how many deviations they do."""
    scores = []
    for diameter in _DIAMETERS:
        heights = [
            peaks_of(bead_map(m, diameter, light=light), diameter, least=4)[:, 2] for m in images
        ]
        best = [np.sort(h)[::-1][: 2 * _BEST] for h in heights]
        scores.append(float(np.mean([b[_BEST - 1] if len(b) >= _BEST else 0.0 for b in best])))
    best_at = int(np.argmax(scores))
    return _DIAMETERS[best_at], scores[best_at]
