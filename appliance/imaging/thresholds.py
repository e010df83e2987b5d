"""Masks and numbered parts out of an image, by thresholds."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging.masks import components

__all__ = ["numbered_parts", "otsu", "threshold"]


def threshold(
    volume: Volume, low: float | Literal["otsu"] | None = None, high: float | None = None
) -> Volume:
    """Make a mask of the values between two limits, both included.

    Parameters
    ----------
    volume : Volume
        Image; all its frames.
    low : float or "otsu", optional
        No limit by default; ``"otsu"`` splits the values into two classes.
    high : float, optional
        No limit by default.

    Returns
    -------
    Volume
        uint8, 0 or 1.

    Raises
    ------
    Invalid
        If no limit is given.
    """
    if low is None and high is None:
        raise Invalid("a threshold needs a lower or an upper limit")
    values = volume.data
    inside = np.isfinite(values)
    if low is not None:
        inside &= values >= (otsu(values) if low == "otsu" else low)
    if high is not None:
        inside &= values <= high
    return volume.like(inside.astype(np.uint8))


def otsu(values: NDArray[Any]) -> float:
    """Find the value that splits a histogram of 256 bins best into two classes.

    Raises
    ------
    Invalid
        If all values are the same.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size or finite.min() == finite.max():
        raise Invalid("the image is flat: it has no two classes")
    counts, edges = np.histogram(finite, bins=256)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centers)
    means = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * (means[0] - means[1]) ** 2)])


def numbered_parts(mask: Volume, *, min_mm3: float = 0.0, largest: int = 0) -> Volume:
    """Number the connected parts of a mask, the largest first.

    Parameters
    ----------
    mask : Volume
        Everything above 0; of several frames the first.
    min_mm3 : float
        Smaller parts are left out.
    largest : int
        How many parts are kept at most; 0 keeps all.

    Returns
    -------
    Volume
        Labels from 1 on, int16 or, with more than 32767 parts, int32.
    """
    labels, sizes = components(mask.frame())
    kept = int((sizes * mask.grid.voxel_mm3 >= min_mm3).sum())
    kept = min(kept, largest) if largest else kept
    kind = np.int16 if kept < 2**15 else np.int32
    return Volume(np.where(labels <= kept, labels, 0).astype(kind), mask.affine, mask.header)
