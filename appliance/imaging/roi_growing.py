"""Region growing over six faces: as far as values stay close to that of a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.imaging.compiled import compiled
from appliance.imaging.roi_arrays import Mask, as_mask, turned
from appliance.imaging.roi_bits import Words, gathered, unpack
from appliance.imaging.roi_runs import Ints

__all__ = ["LEVELS", "grow_region"]

LEVELS = 4096

_ONE, _LAST = np.uint64(1), np.uint64(63)
_FULL = ~np.uint64(0)


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
    data = _comparable(np.ascontiguousarray(values.T if flip else values))
    place = seed[::-1] if flip else seed
    start = data[place]
    out = np.zeros((*data.shape[:2], -(-data.shape[2] // 64)), np.uint64)
    if not np.isnan(start):
        near = np.empty_like(out)
        _mark(data, *_alike(float(start), low, high, tolerance, data.dtype), near)
        row = place[0] * data.shape[1] + place[1]
        rows = (near.reshape(-1, near.shape[2]), out.reshape(-1, near.shape[2]))
        _flood(*rows, np.array([row, place[2], data.shape[1]], np.int64))
    return as_mask(unpack(out, data.shape), flip)


def _comparable(data: NDArray[Any]) -> NDArray[Any]:
    """Give values of a kind that is compared as it is; whole numbers of 64 bits are rounded."""
    kind = data.dtype
    if kind.kind == "b":
        return data.view(np.uint8)
    small = kind.itemsize < 8 if kind.kind in "iu" else kind == np.float32
    return data.astype(kind.newbyteorder("=") if small else np.float64, copy=False)


def _alike(
    start: float, low: float, high: float, tolerance: float, kind: np.dtype[Any]
) -> tuple[Any, Any]:
    """Lowest and highest value of a kind that is near enough to that of the seed.

    The place in the window rises with the value, so that what is near is one range of values.
    """
    level = min(LEVELS, max(0, int(np.floor(tolerance * LEVELS))))
    span = high - low
    origin = min(1.0, max(0.0, (start - low) / span))

    def near(value: float) -> bool:
        return abs(min(1.0, max(0.0, (value - low) / span)) - origin) * LEVELS <= level

    inside = min(max(start, low), high)
    bottom = -np.inf if near(low) else _edge(near, low, inside)
    top = np.inf if near(high) else _edge(near, high, inside)
    if kind.kind == "f":
        first, last = kind.type(bottom), kind.type(top)
        first = np.nextafter(first, kind.type(np.inf)) if first < bottom else first
        return first, (np.nextafter(last, kind.type(-np.inf)) if last > top else last)
    limits = np.iinfo(kind)
    first = kind.type(np.ceil(max(bottom, limits.min)))
    return first, kind.type(np.floor(min(top, limits.max)))


def _edge(near: Callable[[float], bool], far: float, close: float) -> float:
    """Give the last number that is near on the way to one that is not."""
    while (middle := (far + close) / 2) not in {far, close}:
        if near(middle):
            close = middle
        else:
            far = middle
    return close


@compiled
def _mark(values: NDArray[Any], low: Any, high: Any, out: Words) -> None:
    """Mark the voxels with a value between two."""
    ni, nj, nk = values.shape
    for i in range(ni):
        flags = np.zeros(64 * out.shape[2], np.uint8)
        groups = flags.view(np.uint64)
        for j in range(nj):
            row = values[i, j]
            for k in range(nk):
                flags[k] = (row[k] >= low) & (row[k] <= high)
            for w in range(out.shape[2]):
                out[i, j, w] = gathered(groups, 8 * w)


@compiled
def _up(near: np.uint64, from_bits: np.uint64) -> np.uint64:
    """Fill the runs of a word upwards from some of their bits: a sum carries to their ends."""
    return (((near + from_bits) ^ near) | from_bits) & near


@compiled
def _down(near: np.uint64, from_bits: np.uint64) -> np.uint64:
    """Fill the runs of a word downwards from some of their bits."""
    for step in (1, 2, 4, 8, 16, 32):
        shift = np.uint64(step)
        from_bits |= near & (from_bits >> shift)
        near &= near >> shift
    return from_bits


@compiled
def _fill(near: Words, out: Words, row: int, touched: Words, other: int) -> bool:
    """Take up every run of a row that is touched from another row."""
    n = near.shape[1]
    some = np.uint64(0)
    for w in range(n):
        some |= touched[other, w] & near[row, w] & ~out[row, w]
    if some == 0:
        return False
    carry = np.uint64(0)
    for w in range(n):
        all_near = near[row, w]
        bits = ((touched[other, w] & ~out[row, w]) | carry) & all_near
        if bits:
            bits = _up(all_near, bits)
            out[row, w] |= bits
        carry = bits >> _LAST
    carry = np.uint64(0)
    for w in range(n - 1, -1, -1):
        all_near = near[row, w]
        bits = out[row, w] | (carry & all_near)
        if bits and bits != all_near:
            bits = all_near if all_near == _FULL else _down(all_near, bits)
        out[row, w] = bits
        carry = bits << _LAST
    return True


@compiled
def _flood(near: Words, out: Words, facts: Ints) -> None:
    """Take up what is joined over faces with a voxel, row after row."""
    row, column, n_rows = facts[0], facts[1], facts[2]
    touched = np.zeros((1, near.shape[1]), np.uint64)
    touched[0, column // 64] = _ONE << np.uint64(column % 64)
    stack = np.empty(near.shape[0], np.int64)
    waits = np.zeros(near.shape[0], np.bool_)
    top = 0
    if _fill(near, out, row, touched, 0):
        stack[0], top = row, 1
    while top > 0:
        top -= 1
        row = stack[top]
        waits[row] = False
        for side in range(4):
            # The row beside this one in memory is the last to be pushed, so the next to be taken.
            other = row + (n_rows, -n_rows, 1, -1)[side]
            inside = 0 <= other < near.shape[0]
            if not inside or (side >= 2 and other // n_rows != row // n_rows):
                continue
            if _fill(near, out, other, out, row) and not waits[other]:
                waits[other] = True
                stack[top] = other
                top += 1
