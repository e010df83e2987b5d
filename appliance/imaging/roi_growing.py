"""Region growing over six faces: as far as values stay close to that of a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.imaging.compiled import parallel, prange
from appliance.imaging.roi_arrays import Bytes, Mask, turned
from appliance.imaging.roi_runs import part_with

__all__ = ["LEVELS", "grow_region"]

LEVELS = 4096


def grow_region(
    values: NDArray[Any],
    seed: tuple[int, int, int],
    window: tuple[float, float],
    tolerance: float,
) -> Mask:
    """Grow from a voxel to all neighbours with a similar value.

    Parameters
    ----------
    values : ndarray
        (I, J, K) scaled values; NaN is never reached.
    seed : tuple of int
        Voxel to start from.
    window : tuple of float
        Lower and upper display limit: a value counts by its place between them, cut to 0 and 1.
    tolerance : float
        Largest difference of that place, in steps of 1/4096.

    Returns
    -------
    ndarray of bool
        What was reached; nothing when the seed has no value.

    Raises
    ------
    Invalid
        If the seed lies outside or the window is empty.
    """
    low, high = window
    if not low < high:
        raise Invalid(f"the window is empty: {low} to {high}")
    if not all(0 <= v < n for v, n in zip(seed, values.shape, strict=True)):
        raise Invalid(f"voxel {seed} lies outside a matrix of {values.shape}")
    flip = turned(values)
    data = np.ascontiguousarray(values.T if flip else values)
    start = np.ravel_multi_index(seed[::-1] if flip else seed, data.shape)
    level = min(LEVELS, max(0, int(np.floor(tolerance * LEVELS))))
    origin = min(1.0, max(0.0, (float(data.reshape(-1)[start]) - low) / (high - low)))
    facts = np.array([low, high, origin, level], np.float64)
    near = np.empty(data.shape, np.uint8)
    _candidates(data.reshape(-1), facts, near.reshape(-1))
    grown: Mask = part_with(near, int(start)).view(np.bool_)
    return grown.T if flip else grown


@parallel
def _candidates(values: NDArray[Any], facts: NDArray[np.float64], out: Bytes) -> None:
    """Mark the voxels whose place in the window is near enough to that of the seed."""
    low, span, origin, level = facts[0], facts[1] - facts[0], facts[2], facts[3]
    for at in prange(values.size):
        place = (values[at] - low) / span
        place = 0.0 if place < 0 else place
        place = 1.0 if place > 1 else place  # what is no number stays so, and is never near
        out[at] = abs(place - origin) * LEVELS <= level
