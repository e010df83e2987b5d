"""Affines: 4 x 4 matrices that take voxel indices to world millimetres, and what they tell.

A voxel ``ijk`` counts from 0 and means the centre of a voxel. The world ``xyz`` is in millimetres
and RAS+: x grows to the person's Right, y to Anterior (the front), z to Superior (the head). An
affine works on column vectors::

    [x y z 1]' = affine @ [i j k 1]'

Points are kept as rows, (N, 3), everywhere. LPS+, the world of DICOM and ITK, has x and y negated
and is met only where such files are read or written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from appliance.core import Invalid

__all__ = [
    "GridMismatch",
    "as_affine",
    "flip_lps_ras",
    "invert",
    "max_corner_distance",
    "voxel_sizes",
    "voxel_to_world",
    "world_to_voxel",
]

Affine = NDArray[np.float64]


class GridMismatch(Invalid):
    """Grids do not fit each other, or one of them is no grid at all."""

    key = "grid_mismatch"


def as_affine(matrix: ArrayLike) -> Affine:
    """Check and copy an affine.

    Parameters
    ----------
    matrix : array_like
        (4, 4), voxel -> world.

    Returns
    -------
    ndarray
        (4, 4) float64, read-only.

    Raises
    ------
    GridMismatch
        If it has another shape, is not finite or singular, or its last row is not 0 0 0 1.
    """
    affine = np.array(matrix, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise GridMismatch("an affine is a finite 4 x 4 matrix")
    if not np.array_equal(affine[3], (0, 0, 0, 1)):
        raise GridMismatch("the last row of an affine is 0 0 0 1")
    if np.linalg.matrix_rank(_unit_columns(affine)) < 3:
        raise GridMismatch("the affine is singular: its axes do not span the space")
    affine.setflags(write=False)
    return affine


def voxel_sizes(affine: ArrayLike) -> NDArray[np.float64]:
    """Lengths of the three voxel edges in millimetres, (3,)."""
    sizes: NDArray[np.float64] = np.linalg.norm(np.asarray(affine, float)[:3, :3], axis=0)
    return sizes


def invert(affine: ArrayLike) -> Affine:
    """Invert an affine; the last row stays exact."""
    matrix = np.asarray(affine, float)
    linear = np.linalg.inv(matrix[:3, :3])
    inverse = np.eye(4)
    inverse[:3, :3] = linear
    inverse[:3, 3] = -linear @ matrix[:3, 3]
    return inverse


def voxel_to_world(affine: ArrayLike, ijk: ArrayLike) -> NDArray[np.float64]:
    """Take voxel indices to world millimetres.

    Parameters
    ----------
    affine : array_like
        (4, 4), voxel -> world.
    ijk : array_like
        (..., 3), whole or fractional indices.

    Returns
    -------
    ndarray
        (..., 3) in RAS+ mm.
    """
    matrix = np.asarray(affine, float)
    xyz: NDArray[np.float64] = np.asarray(ijk, float) @ matrix[:3, :3].T + matrix[:3, 3]
    return xyz


def world_to_voxel(affine: ArrayLike, xyz: ArrayLike) -> NDArray[np.float64]:
    """Take world millimetres to fractional voxel indices, the inverse of `voxel_to_world`."""
    return voxel_to_world(invert(affine), xyz)


def flip_lps_ras(affine: ArrayLike) -> Affine:
    """Change the world of an affine from LPS+ to RAS+, or back: the same flip does both."""
    flipped: Affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine, float)
    return flipped


def max_corner_distance(one: ArrayLike, other: ArrayLike, shape: tuple[int, ...]) -> float:
    """Largest distance in mm between equal corners of a grid under two affines."""
    corners = np.array(np.meshgrid(*((0, max(n - 1, 0)) for n in shape[:3]))).reshape(3, -1).T
    shift = voxel_to_world(one, corners) - voxel_to_world(other, corners)
    return float(np.linalg.norm(shift, axis=1).max())


def _unit_columns(affine: Affine) -> NDArray[Any]:
    sizes = voxel_sizes(affine)
    return affine[:3, :3] / np.where(sizes > 0, sizes, 1)
