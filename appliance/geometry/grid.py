"""Grid: the shape and position of an image in the world, without its values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from appliance.geometry.affines import (
    Affine,
    GridMismatch,
    as_affine,
    max_corner_distance,
    voxel_sizes,
    voxel_to_world,
    world_to_voxel,
)
from appliance.geometry.orientation import orientation_codes

__all__ = ["Grid"]


@dataclass(frozen=True, eq=False)
class Grid:
    """Three axes of voxels and where they lie.

    Attributes
    ----------
    shape : tuple of int
        (I, J, K), each at least 1.
    affine : ndarray
        (4, 4), voxel -> world RAS+ mm.
    """

    shape: tuple[int, int, int]
    affine: Affine

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise GridMismatch(f"a grid has three axes of at least one voxel, not {shape}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", as_affine(self.affine))

    @classmethod
    def around(cls, low: ArrayLike, high: ArrayLike, voxel_mm: float) -> Grid:
        """Make an upright RAS grid of cubic voxels whose centres cover a box in the world."""
        start, end = np.asarray(low, float), np.asarray(high, float)
        counts = np.maximum(1, np.ceil((end - start) / voxel_mm - 1e-6).astype(int) + 1)
        affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
        affine[:3, 3] = start
        return cls((int(counts[0]), int(counts[1]), int(counts[2])), affine)

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Lengths of the voxel edges in mm."""
        x, y, z = (float(size) for size in voxel_sizes(self.affine))
        return x, y, z

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel in mm³, also for a sheared grid."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def codes(self) -> str:
        """Orientation code such as ``"RAS"``."""
        return orientation_codes(self.affine)

    @property
    def center_mm(self) -> NDArray[np.float64]:
        """World position of the middle of the grid, (3,)."""
        return voxel_to_world(self.affine, (np.array(self.shape) - 1) / 2)

    def to_world(self, ijk: ArrayLike) -> NDArray[np.float64]:
        """Take voxels (..., 3) to world mm."""
        return voxel_to_world(self.affine, ijk)

    def to_voxel(self, xyz: ArrayLike) -> NDArray[np.float64]:
        """Take world mm (..., 3) to fractional voxels."""
        return world_to_voxel(self.affine, xyz)

    def contains(self, ijk: ArrayLike) -> NDArray[np.bool_]:
        """Tell which whole voxel indices (..., 3) lie in the grid."""
        index = np.asarray(ijk)
        inside = (index >= 0) & (index < np.array(self.shape))
        return np.asarray(inside.all(axis=-1))

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest world coordinates of the voxels' outer faces, each (3,)."""
        corners = np.array(np.meshgrid(*((-0.5, n - 0.5) for n in self.shape))).reshape(3, -1).T
        world = self.to_world(corners)
        return world.min(axis=0), world.max(axis=0)

    def matches(self, other: Grid, *, tolerance_mm: float = 1e-3) -> bool:
        """Tell whether two grids are the same up to a shift of their corners."""
        if self.shape != other.shape:
            return False
        return max_corner_distance(self.affine, other.affine, self.shape) <= tolerance_mm
