"""A sane contrast for a volume out of its histogram: median and median absolute deviation.

The same numbers as `mrc_visual_min_max --mad 5`: one bin for each value of 8 and 16 bit integers,
1024 bins otherwise; quantiles are interpolated between bin centres; the deviation is not scaled
by 1.4826. Infinite values and NaN are left out and counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.tomography.slabs import blocks

__all__ = [
    "Contrast",
    "Histogram",
    "shader_json",
    "visual_json",
    "visual_min_max",
    "volume_histogram",
    "weighted_quantile",
]

_BINS = 1024
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often which values occur.

    Attributes
    ----------
    counts : array (n,) of int64
    edges : array (n + 1,) of float64
        Bin k holds values from ``edges[k]`` to below ``edges[k + 1]``; the last one both.
    n_left_out : int
        Values that are no finite numbers.
    """

    counts: NDArray[np.int64]
    edges: Floats
    n_left_out: int = 0

    @property
    def centres(self) -> Floats:
        """Middles of the bins, (n,)."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def shifted(self, offset: float) -> Histogram:
        """Give the histogram of the values plus `offset`."""
        return replace(self, edges=self.edges + offset)


@dataclass(frozen=True, slots=True)
class Contrast:
    """What to show as black and white (low, high), and all there is (floor, limit)."""

    low: float
    high: float
    floor: float
    limit: float


def weighted_quantile(values: Floats, weights: NDArray[Any], q: float) -> float:
    """Give the `q`-quantile of weighted values, interpolated between them.

    Parameters
    ----------
    values, weights : array (n,)
        In any order; values without weight do not count.
    q : float
        0 to 1.
    """
    present = weights != 0
    values, weights = values[present], weights[present].astype(np.float64)
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    places = (np.cumsum(weights) - 0.5 * weights) / np.sum(weights)
    return float(np.interp(q, places, values))


def volume_histogram(volume: NDArray[Any]) -> Histogram:
    """Count the values of a volume that may be larger than memory.

    Parameters
    ----------
    volume : array (nz, ny, nx)
        Integers or floats of any byte order, memory-mapped or not.

    Raises
    ------
    FormatError
        If it holds no number at all.
    """
    if volume.size == 0:
        raise FormatError("the volume is empty")
    if volume.dtype.kind in "iu" and volume.dtype.itemsize <= 2:
        return _histogram_by_value(volume)
    low, high, n_finite = _range(volume)
    edges = _edges(low, high, volume.dtype)
    counts = np.zeros(len(edges) - 1, np.int64)
    for block in blocks(volume):
        finite = block[np.isfinite(block)] if block.dtype.kind == "f" else block
        counts += np.histogram(finite.astype(np.float64, copy=False), bins=edges)[0]
    return Histogram(counts, edges, volume.size - n_finite)


def visual_min_max(histogram: Histogram, *, n_mad: float = 5.0, clamped: bool = False) -> Contrast:
    """Choose black and white: median minus and plus `n_mad` median absolute deviations.

    Parameters
    ----------
    histogram : Histogram
        Of the values as the pyramid stores them (see `Histogram.shifted`).
    n_mad : float
        How many deviations.
    clamped : bool
        Whether black and white stay within the values that occur.
    """
    centres, counts = histogram.centres, histogram.counts
    median = weighted_quantile(centres, counts, 0.5)
    deviation = weighted_quantile(np.abs(centres - median), counts, 0.5)
    low, high = median - n_mad * deviation, median + n_mad * deviation
    floor, limit = (weighted_quantile(centres, counts, q) for q in (0.0, 1.0))
    if clamped:
        low, high = max(low, floor), min(high, limit)
    return Contrast(low, high, floor, limit)


def visual_json(contrast: Contrast) -> dict[str, str]:
    """Give the four integers, as texts, of ``mrc2ngpc-output.json``."""
    return {
        "neuroglancerPrecomputedMin": str(math.floor(contrast.low)),
        "neuroglancerPrecomputedMax": str(math.ceil(contrast.high)),
        "neuroglancerPrecomputedFloor": str(math.floor(contrast.floor)),
        "neuroglancerPrecomputedLimit": str(math.ceil(contrast.limit)),
    }


def shader_json(contrast: Contrast) -> dict[str, Any]:
    """Give the newer form: what Neuroglancer's grey shader takes."""
    return {
        "shader": "Grayscale",
        "dimensions": "XYZ",
        "shaderParameters": {
            "range": [contrast.low, contrast.high],
            "window": [contrast.floor, contrast.limit],
        },
    }


def _histogram_by_value(volume: NDArray[Any]) -> Histogram:
    facts = np.iinfo(volume.dtype)
    size = facts.max - facts.min + 1
    unsigned = np.dtype(f"u{volume.itemsize}")
    counts = np.zeros(size, np.int64)
    for block in blocks(volume):
        counts += np.bincount(block.view(unsigned).ravel(), minlength=size)
    if facts.min < 0:  # counted by their bits: the negative ones came last
        counts = np.roll(counts, size // 2)
    return Histogram(counts, np.arange(facts.min - 0.5, facts.max + 1.5))


def _range(volume: NDArray[Any]) -> tuple[float, float, int]:
    low, high, n_finite = math.inf, -math.inf, 0
    for block in blocks(volume):
        finite = block[np.isfinite(block)] if block.dtype.kind == "f" else block
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            n_finite += finite.size
    if n_finite == 0:
        raise FormatError("the volume holds no number", hint="All its values are NaN or infinite.")
    return low, high, n_finite


def _edges(low: float, high: float, dtype: np.dtype[Any]) -> Floats:
    """Bounds of the bins; a constant volume gets a range of its own."""
    if dtype.kind != "f" and high - low < _BINS:
        return np.arange(low - 0.5, high + 1.5)
    if dtype.kind == "f":
        least = float(np.finfo(dtype).eps) * _BINS * max(1.0, abs(low))
        if high - low < least:
            low, high = low - least / 2, low + least / 2
    step = (high - low) / _BINS
    edges = np.arange(low, high + step, step)
    edges[-1] = max(edges[-1], high)
    return edges
