"""Kernels of a pyramid: chunks out of a band of sections, and the mean of two by two by two voxels.

Means are rounded half to even, edges of odd length count twice, as neuroglancer-scripts does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.compiled import compiled

__all__ = ["halve", "into_chunks"]

Factors = tuple[int, int, int]


def into_chunks(band: NDArray[Any], width: int) -> list[NDArray[Any]]:
    """Cut a band (z, y, x) along x into contiguous pieces of at most `width`."""
    return [np.ascontiguousarray(band[:, :, x : x + width]) for x in range(0, band.shape[2], width)]


def halve(source: NDArray[Any], target: NDArray[Any], factors: Factors) -> None:
    """Write the mean of neighbours into a piece of the next scale.

    Parameters
    ----------
    source : array (nz, ny, nx) of uint8, uint16 or float32
    target : array (ceil(nz / fz), ceil(ny / fy), ceil(nx / fx)) of the same type
    factors : tuple of int
        (fz, fy, fx), each 1 or 2.
    """
    kernel = _halve_floats if source.dtype.kind == "f" else _halve_integers
    kernel(source, target, *factors)  # type: ignore[no-untyped-call]


@compiled
def _halve_integers(source, target, fz, fy, fx):  # type: ignore[no-untyped-def]
    nz, ny, nx = source.shape
    depth, height, width = target.shape
    sums = np.empty(nx + 1, np.uint32)
    for z in range(depth):
        for y in range(height):
            z0, y0 = z * fz, y * fy
            z1, y1 = min(z0 + fz, nz) - 1, min(y0 + fy, ny) - 1
            a, b = source[z0, y0], source[z0, y1]
            c, d = source[z1, y0], source[z1, y1]
            for x in range(nx):
                sums[x] = np.uint32(a[x]) + np.uint32(b[x]) + np.uint32(c[x]) + np.uint32(d[x])
            sums[nx] = sums[nx - 1]
            row = target[z, y]
            if fx == 2:
                for x in range(width):
                    s = sums[2 * x] + sums[2 * x + 1]
                    row[x] = (s + np.uint32(3) + ((s >> np.uint32(3)) & np.uint32(1))) >> np.uint32(
                        3
                    )
            else:
                for x in range(width):
                    s = sums[x]
                    row[x] = (s + np.uint32(1) + ((s >> np.uint32(2)) & np.uint32(1))) >> np.uint32(
                        2
                    )


@compiled
def _halve_floats(source, target, fz, fy, fx):  # type: ignore[no-untyped-def]
    nz, ny, nx = source.shape
    depth, height, width = target.shape
    for z in range(depth):
        for y in range(height):
            z0, y0 = z * fz, y * fy
            z1, y1 = min(z0 + fz, nz) - 1, min(y0 + fy, ny) - 1
            a, b = source[z0, y0], source[z0, y1]
            c, d = source[z1, y0], source[z1, y1]
            row = target[z, y]
            for x in range(width):
                x0 = x * fx
                x1 = min(x0 + fx, nx) - 1
                left = 0.5 * (0.5 * (np.float64(a[x0]) + c[x0]) + 0.5 * (np.float64(b[x0]) + d[x0]))
                right = 0.5 * (
                    0.5 * (np.float64(a[x1]) + c[x1]) + 0.5 * (np.float64(b[x1]) + d[x1])
                )
                row[x] = np.float32(0.5 * (left + right))
