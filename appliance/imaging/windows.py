"""Automatic display limits of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["auto_window"]

_MAX_SAMPLES = 50_001
_TAILS = (3.0, 97.0)
_CT_AIR_HU = -900.0
_CT_WINDOW_HU = (-24.0, 176.0)  # 1000 to 1200 before the usual intercept of -1024


def auto_window(data: NDArray[Any]) -> tuple[float, float]:
    """Choose lower and upper display limit.

    Parameters
    ----------
    data : ndarray
        Values of any shape.

    Returns
    -------
    tuple of (float, float)
        Lower < upper, always.

    Notes
    -----
    At most 50 001 samples, zeros and non-finite values left out. The range between the 3 % and the
    97 % quantile, widened to [+2 %, +10 %], is the histogram's; the limits are 5 % above its lower
    and 10 % below its upper end. An image with values of air on the Hounsfield scale gets a window
    for soft tissue instead.
    """
    values = _samples(data)
    if not values.size:
        return 0.0, 1.0
    if values.min() <= _CT_AIR_HU and values.max() > 0:
        return _CT_WINDOW_HU
    low, high = (float(x) for x in np.percentile(values, _TAILS))
    width = high - low
    start, end = low + 0.02 * width, high + 0.10 * width
    lower, upper = start + 0.05 * (end - start), end - 0.10 * (end - start)
    if upper > lower:
        return lower, upper
    return min(0.0, low), max(low, min(0.0, low) + 1.0)


def _samples(data: NDArray[Any]) -> NDArray[np.float64]:
    flat = data.ravel(order="K")
    step = max(1, -(-flat.size // _MAX_SAMPLES))
    values = flat[::step].astype(np.float64)
    return np.asarray(values[np.isfinite(values) & (values != 0)])
