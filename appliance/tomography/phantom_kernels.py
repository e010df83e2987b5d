"""Projections and slices of a specimen of spheres: exact lengths of chords, nothing sampled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.compiled import compiled

__all__ = ["add_density", "add_projections"]


@compiled
def add_projections(
    image: NDArray[np.float32],
    places: NDArray[np.float64],
    radii: NDArray[np.float64],
    densities: NDArray[np.float64],
    fine: int,
) -> None:
    """Add what spheres at `places` (n, 2) in pixels (x, y) from index 0 absorb to an image.

    Each pixel is the mean of `fine` by `fine` rays.
    """
    ny, nx = image.shape
    for k in range(places.shape[0]):
        x, y, r = places[k, 0], places[k, 1], radii[k]
        for j in range(max(0, int(y - r) - 1), min(ny, int(y + r) + 3)):
            for i in range(max(0, int(x - r) - 1), min(nx, int(x + r) + 3)):
                total = 0.0
                for b in range(fine):
                    for a in range(fine):
                        dx = i - x + (a + 0.5) / fine - 0.5
                        dy = j - y + (b + 0.5) / fine - 0.5
                        left = r * r - dx * dx - dy * dy
                        if left > 0:
                            total += 2.0 * math.sqrt(left)
                image[j, i] += np.float32(densities[k] * total / (fine * fine))


@compiled
def add_density(
    slab: NDArray[np.float32],
    places: NDArray[np.float64],
    radii: NDArray[np.float64],
    densities: NDArray[np.float64],
) -> None:
    """Add spheres at `places` (n, 3) in voxels (x, y, z) from index 0 to a volume (nz, ny, nx)."""
    nz, ny, nx = slab.shape
    for k in range(places.shape[0]):
        x, y, z, r = places[k, 0], places[k, 1], places[k, 2], radii[k]
        for m in range(max(0, int(z - r)), min(nz, int(z + r) + 2)):
            for j in range(max(0, int(y - r)), min(ny, int(y + r) + 2)):
                for i in range(max(0, int(x - r)), min(nx, int(x + r) + 2)):
                    away = (m - z) ** 2 + (j - y) ** 2 + (i - x) ** 2
                    if away <= r * r:
                        slab[m, j, i] += np.float32(densities[k])
