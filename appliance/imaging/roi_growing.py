"""Region growing over six faces: as far as values stay close to that of a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.imaging.compiled import compiled
from appliance.imaging.roi_arrays import Bytes, Mask, turned

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
    out = np.zeros(data.shape, np.uint8)
    facts = np.array([low, high, level], np.float64)
    _grow(data.reshape(-1), out.reshape(-1), np.array(data.shape, np.int64), start, facts)
    grown: Mask = out.view(np.bool_)
    return grown.T if flip else grown


@compiled
def _place(value: float, facts: NDArray[np.float64]) -> float:
    """Place of a value in the window, 0 to 1."""
    low, high = facts[0], facts[1]
    return float(min(1.0, max(0.0, (value - low) / (high - low))))


@compiled
def _doubled(stack: NDArray[np.int64]) -> NDArray[np.int64]:
    more = np.empty(2 * stack.size, np.int64)
    more[: stack.size] = stack
    return more


@compiled
def _grow(
    values: NDArray[Any],
    out: Bytes,
    shape: NDArray[np.int64],
    seed: int,
    facts: NDArray[np.float64],
) -> None:
    if np.isnan(values[seed]):
        return
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    origin, level = _place(values[seed], facts), facts[2]
    stack = np.empty(1024, np.int64)
    stack[0], top = seed, 1
    out[seed] = 1
    while top > 0:
        top -= 1
        at = stack[top]
        if top + 6 > stack.size:
            stack = _doubled(stack)
        row = at // shape[2]
        place = (row // shape[1], row % shape[1], at % shape[2])
        for side in range(6):
            axis, step = side // 2, 1 - 2 * (side % 2)
            there = place[axis] + step
            to = at + step * strides[axis]
            if there < 0 or there >= shape[axis] or out[to] or np.isnan(values[to]):
                continue
            if np.ceil(abs(_place(values[to], facts) - origin) * LEVELS) <= level:
                out[to] = 1
                stack[top] = to
                top += 1
