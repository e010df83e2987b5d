"""Voxels of one image at their places in the grid of another, where both share their voxels."""

from __future__ import annotations

import numpy as np

from appliance.geometry import Grid, Volume

__all__ = ["seated"]

_OFF = 0.02  # of a voxel


def seated(volume: Volume, grid: Grid) -> Volume | None:
    """Put an image into a grid whose voxels it shares; nothing is interpolated.

    Its axes may run otherwise, and it may be a part of the grid, as programs save that crop: the
    rest is 0. None when the voxels are others, or when values above 0 lie outside.
    """
    step = np.linalg.inv(grid.affine) @ volume.affine
    exact = np.round(step)
    turn = exact[:3, :3]
    if not (np.abs(turn).sum(axis=0) == 1).all() or not (np.abs(turn).sum(axis=1) == 1).all():
        return None
    ends = [(0, n - 1) for n in volume.grid.shape]
    corners = np.array([*np.array(np.meshgrid(*ends)).reshape(3, -1), np.ones(8)])
    if np.abs((step - exact) @ corners).max() > _OFF:
        return None
    order = [int(np.argmax(np.abs(turn[axis]))) for axis in range(3)]
    data = volume.data.transpose(*order, *range(3, volume.data.ndim))
    first = (exact @ corners)[:3].min(axis=1).astype(int)
    flips = tuple(axis for axis in range(3) if turn[axis, order[axis]] < 0)
    data = np.flip(data, flips)
    low = np.maximum(first, 0)
    high = np.minimum(first + data.shape[:3], grid.shape)
    out = np.zeros((*grid.shape, *data.shape[3:]), data.dtype)
    inside = tuple(slice(a - f, b - f) for a, b, f in zip(low, high, first, strict=True))
    if (high > low).all():
        out[tuple(map(slice, low, high))] = data[inside]
    if np.count_nonzero(out) != np.count_nonzero(data):
        return None
    return Volume(out, grid.affine)
