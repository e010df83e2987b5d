"""Masks reshaped: smoothed, mirrored, filled between slices, cut to what they hold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Grid, Volume, invert
from appliance.imaging.compiled import compiled, parallel, prange
from appliance.imaging.roi_arrays import Bytes, Mask

__all__ = ["crop_to_mask", "fill_between", "mirror_mask", "smooth_mask"]

_TIE = 1e-6
_FAR = 1e20
Floats = NDArray[np.float64]


def smooth_mask(mask: NDArray[Any], radius: tuple[int, int, int]) -> Mask:
    """Give every voxel the majority of a box around it: knobs go, dents fill up.

    Parameters
    ----------
    mask : ndarray
        (I, J, K); anything above 0 is on. Voxels outside the matrix count as off.
    radius : tuple of int
        The box holds 2 r + 1 voxels along each axis, at most 65535 in all.

    Returns
    -------
    ndarray of bool
        On where more than half of the box is.

    Raises
    ------
    Invalid
        If a radius is negative or the box too large.
    """
    box = int(np.prod([2 * r + 1 for r in radius]))
    if min(radius) < 0 or box > np.iinfo(np.uint16).max:
        raise Invalid(f"not a box to smooth over: {radius}")
    sums = np.ascontiguousarray(mask > 0).astype(np.uint16)
    for axis, r in enumerate(radius):
        if r:
            sums = np.moveaxis(
                _sums(np.ascontiguousarray(np.moveaxis(sums, axis, -1)), r), -1, axis
            )
    return np.asarray(sums * 2.0 > box)


@parallel
def _sums(data: NDArray[np.uint16], r: int) -> NDArray[np.uint16]:
    out = np.empty_like(data)
    n = data.shape[2]
    for i in prange(data.shape[0]):
        for j in range(data.shape[1]):
            total = 0
            for k in range(min(r, n)):
                total += data[i, j, k]
            for k in range(n):
                if k + r < n:
                    total += data[i, j, k + r]
                if k - r > 0:
                    total -= data[i, j, k - r - 1]
                out[i, j, k] = total
    return out


def mirror_mask(
    mask: NDArray[Any],
    grid: Grid,
    point: tuple[float, float, float],
    normal: tuple[float, float, float],
) -> Mask:
    """Mirror a mask about a plane of the world.

    Parameters
    ----------
    mask : ndarray
        (I, J, K) on `grid`.
    grid : Grid
        Shape and affine.
    point, normal : tuple of float
        A point of the plane in mm, RAS+, and its unit normal.

    Returns
    -------
    ndarray of bool
        Nearest voxel, halves upwards; off where the mirror looks outside.
    """
    n = np.array(normal, np.float64)
    turn = np.eye(4)
    turn[:3, :3] -= 2 * np.outer(n, n)
    turn[:3, 3] = 2 * (n @ np.array(point, np.float64)) * n
    pull = invert(grid.affine) @ turn @ grid.affine
    out = np.zeros(grid.shape, np.uint8)
    _pull(np.ascontiguousarray(mask > 0).view(np.uint8), pull, out)
    mirrored: Mask = out.view(np.bool_)
    return mirrored


@parallel
def _pull(source: Bytes, m: Floats, out: Bytes) -> None:
    ni, nj, nk = source.shape
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                x = int(np.floor(m[0, 0] * i + m[0, 1] * j + m[0, 2] * k + m[0, 3] + 0.5 + _TIE))
                y = int(np.floor(m[1, 0] * i + m[1, 1] * j + m[1, 2] * k + m[1, 3] + 0.5 + _TIE))
                z = int(np.floor(m[2, 0] * i + m[2, 1] * j + m[2, 2] * k + m[2, 3] + 0.5 + _TIE))
                if 0 <= x < ni and 0 <= y < nj and 0 <= z < nk:
                    out[i, j, k] = source[x, y, z]


def fill_between(mask: NDArray[Any], axis: int, voxel_mm: tuple[float, float, float]) -> Mask:
    """Fill the empty slices along an axis that lie between drawn ones.

    Parameters
    ----------
    mask : ndarray
        (I, J, K); anything above 0 is on.
    axis : {0, 1, 2}
        The axis the slices are stacked along.
    voxel_mm : tuple of float
        Edges of a voxel, so that distances are true in the plane.

    Returns
    -------
    ndarray of bool
        On where the signed distances of the two neighbours, weighted by nearness, are positive.
        Drawn slices stay as they are.
    """
    stack = np.moveaxis(mask > 0, axis, 0)
    step = np.delete(np.array(voxel_mm, np.float64), axis)
    out = stack.copy()
    drawn = np.flatnonzero(stack.any(axis=(1, 2)))
    for first, last in pairwise(drawn):
        if last - first < 2:
            continue
        one, other = (_signed(stack[s].astype(np.uint8), step[0], step[1]) for s in (first, last))
        for s in range(first + 1, last):
            t = (s - first) / (last - first)
            out[s] = one * (1 - t) + other * t > 0
    return np.moveaxis(out, 0, axis)


def _signed(plane: Bytes, step_y: float, step_x: float) -> Floats:
    """Distance to the rim in mm, positive inside."""
    inner, outer = (_squared(plane, on, step_y, step_x) for on in (0, 1))
    distance: Floats = np.sqrt(inner) - np.sqrt(outer)
    return distance


@compiled
def _squared(plane: Bytes, on: int, step_y: float, step_x: float) -> Floats:
    d = np.where(plane == on, 0.0, _FAR)
    for x in range(d.shape[1]):
        d[:, x] = np.minimum(_envelope(d[:, x].copy(), step_y * step_y), _FAR)
    for y in range(d.shape[0]):
        d[y] = _envelope(d[y].copy(), step_x * step_x)
    return d


@compiled
def _envelope(f: Floats, step2: float) -> Floats:
    n = f.size
    v = np.zeros(n, np.int64)
    z = np.empty(n + 1)
    z[0], z[1] = -np.inf, np.inf
    k = 0
    for q in range(1, n):
        s = _crossing(f, v[k], q, step2)
        while s <= z[k]:
            k -= 1
            s = _crossing(f, v[k], q, step2)
        k += 1
        v[k] = q
        z[k], z[k + 1] = s, np.inf
    out = np.empty(n)
    k = 0
    for q in range(n):
        while z[k + 1] < q:
            k += 1
        out[q] = (q - v[k]) ** 2 * step2 + f[v[k]]
    return out


@compiled
def _crossing(f: Floats, p: int, q: int, step2: float) -> float:
    return float((f[q] + q * q * step2 - (f[p] + p * p * step2)) / (2 * step2 * (q - p)))


def crop_to_mask(mask: Volume, margin: int = 5) -> Volume:
    """Cut a mask to the box of what is on and a margin of voxels; its voxels stay in place.

    Raises
    ------
    Invalid
        If nothing is on.
    """
    on = np.argwhere(mask.frame() > 0)
    if not len(on):
        raise Invalid("the mask is empty", hint="Draw something first.")
    low = np.maximum(on.min(0) - margin, 0)
    high = np.minimum(on.max(0) + margin + 1, mask.grid.shape)
    affine = np.array(mask.affine)
    affine[:3, 3] = (mask.affine @ np.append(low, 1))[:3]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return Volume(mask.data[box], affine, mask.header)
