"""Contrast of the channels of a slide, as Hedwig's multi-channel flow chooses it (SPA-04)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.contrast import weighted_quantile

__all__ = ["COLORS", "ChannelCounter", "ChannelWindow", "shader_of"]

COLORS = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "cyan": (0, 1, 1),
    "yellow": (1, 1, 0),
    "magenta": (1, 0, 1),
}
"""Shares of red, green and blue, in the order in which channels get them; more channels than these
start out hidden."""
_MIDDLE, _TOP = (0.01, 0.99), 0.9999
_BINS = 1024


@dataclass(frozen=True, slots=True)
class ChannelWindow:
    """Shown as black and white (low, high), and the ends of the slider (floor, limit)."""

    low: float
    high: float
    floor: float
    limit: float


class ChannelCounter:
    """Counts the values of a channel while it is read.

    Whole numbers of up to 16 bits are counted one by one, all others in 1024 bins between the
    ends of what came so far; what has been counted is moved when these grow.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._exact = dtype.kind == "u" and dtype.itemsize <= 2
        n = 1 << (8 * dtype.itemsize) if self._exact else _BINS
        self._counts = np.zeros(n, np.int64)
        self._values = np.arange(n, dtype=np.float64)
        self._n_zero = 0

    def add(self, plane: NDArray[Any]) -> None:
        """Count the values of a piece (Y, X)."""
        if self._exact:
            self._counts += np.bincount(plane.ravel(), minlength=len(self._counts))
            return
        values = plane[np.isfinite(plane)].astype(np.float64).ravel()
        self._n_zero += int((values == 0).sum())
        self._merge(values[values != 0])

    def _merge(self, values: NDArray[np.float64]) -> None:
        if not len(values):
            return
        known = self._values[self._counts > 0]
        low = min(values.min(), known.min(initial=np.inf))
        high = max(values.max(), known.max(initial=-np.inf))
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
        counts = np.histogram(values, edges)[0]
        moved = np.histogram(self._values, edges, weights=self._counts)[0]
        self._counts = counts + moved.astype(np.int64)
        self._values = 0.5 * (edges[1:] + edges[:-1])

    def window(self) -> ChannelWindow:
        """Choose: the middle 98 % of what is not 0, and the slider up to 99.99 %."""
        counts, values = self._counts, self._values
        if self._exact:
            present = np.flatnonzero(counts)
            floor = float(present[0]) if len(present) else 0.0
            counts, values = counts[1:], values[1:]
        else:
            floor = float(values[counts > 0].min(initial=np.inf))
            floor = min(floor, 0.0) if self._n_zero else floor
        if not counts.any():
            return ChannelWindow(0.0, 1.0, 0.0, 1.0)
        low, high = (weighted_quantile(values, counts, q) for q in _MIDDLE)
        limit = max(weighted_quantile(values, counts, _TOP), high)
        return ChannelWindow(low, high if high > low else low + 1, floor, limit)


def shader_of(
    channels: Sequence[str], windows: Sequence[ChannelWindow], *, is_rgb: bool
) -> dict[str, Any]:
    """Describe how Neuroglancer shows a scene: RGB, Grayscale or MultiChannel.

    Returns
    -------
    dict
        ``{shader, dimensions, shaderParameters}`` in Hedwig's form.
    """
    if is_rgb:
        return {"shader": "RGB", "dimensions": "XY", "shaderParameters": {}}
    if len(channels) == 1:
        only = windows[0]
        told = {"range": [only.low, only.high], "window": [only.floor, only.limit]}
        return {"shader": "Grayscale", "dimensions": "XY", "shaderParameters": told}
    rows = [
        {
            "range": [window.low, window.high],
            "window": [window.floor, window.limit],
            "name": re.sub(r"[^a-z0-9]", "_", name.lower()),
            "color": color,
            "channel": at,
            "clamp": False,
            "enabled": True,
        }
        for at, (name, window, color) in enumerate(zip(channels, windows, COLORS, strict=False))
    ]
    parameters = {"brightness": 0.0, "contrast": 0.0, "channelArray": rows}
    return {"shader": "MultiChannel", "dimensions": "XY", "shaderParameters": parameters}
