"""Bends one image onto another: symmetric diffeomorphic registration (SyN) by dipy.

It starts from an affine transform. Both images are compared by their local correlation, from coarse
to fine. What comes out are two deformation fields, one for each way, which undo each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import ModelError, install_command
from appliance.geometry import Grid, Volume, invert, voxel_to_world
from appliance.imaging.resampling import resample

__all__ = ["Deformation", "deform", "field_volume"]

INSTALL = f"Install it beside the appliance: {install_command('processing')}"
_STEPS = (100, 60, 25)  # at every fourth voxel, every second, every one
_SMALLEST, _RADIUS = 12, 3
_SLAB = 400_000


@dataclass(frozen=True)
class Deformation:
    """Two fields that undo each other; see `field_volume` for what they hold.

    Attributes
    ----------
    field : Volume
        On the fixed grid: places in the moving world.
    inverse : Volume
        On the moving grid: places in the fixed world.
    """

    field: Volume
    inverse: Volume


def deform(
    moving: Volume, fixed: Volume, matrix: NDArray[np.float64], *, voxel_mm: float = 2.0
) -> Deformation:
    """Find the free deformation that is left after an affine registration.

    Parameters
    ----------
    moving, fixed : Volume
        Of several frames the first is used.
    matrix : ndarray
        (4, 4), fixed world -> moving world, RAS+ mm.
    voxel_mm : float
        Size of the voxels on which it is looked for; not below that of the fixed image.

    Returns
    -------
    Deformation

    Raises
    ------
    ModelError
        If dipy is not installed.
    """
    grid = _work_grid(fixed.grid, voxel_mm)
    still = _values(resample(_first(fixed), grid))
    placed = Volume(moving.frame(), invert(matrix) @ moving.affine)
    found = _syn(still, _values(resample(placed, grid)), grid)

    def pull(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return voxel_to_world(matrix, found.transform_points(places))

    def push(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(found.transform_points_inverse(voxel_to_world(invert(matrix), places)))

    return Deformation(
        field_volume(_sampled(pull, fixed.grid), fixed.affine, "fixed to moving"),
        field_volume(_sampled(push, moving.grid), moving.affine, "moving to fixed"),
    )


def field_volume(places: NDArray[np.float64], affine: NDArray[np.float64], ends: str) -> Volume:
    """Make a deformation field: for each voxel where to read, absolute, in RAS+ mm.

    Parameters
    ----------
    places : ndarray
        (I, J, K, 3).
    affine : ndarray
        Of the voxels.
    ends : str
        World of the voxels and that of the places, such as ``"fixed to moving"``.
    """
    header = {
        "vectors": "pull RAS mm abs",
        "description": f"deformation field, pull, {ends} world, absolute RAS+ mm",
    }
    return Volume(places.astype(np.float32), affine, header)


def _first(volume: Volume) -> Volume:
    return Volume(volume.frame(), volume.affine)


def _work_grid(grid: Grid, voxel_mm: float) -> Grid:
    """The image's own grid, if its voxels are cubes of about that size or larger; else cubes."""
    sizes = grid.voxel_mm
    step = max(voxel_mm, min(sizes))
    if step <= 1.05 * min(sizes) and max(sizes) <= 1.05 * min(sizes):
        return grid
    low, high = grid.box()
    return Grid.around(low + step / 2, high - step / 2, step)


def _values(volume: Volume) -> NDArray[np.float32]:
    """Values from 0 to 1, without what sticks out."""
    data = np.nan_to_num(volume.data.astype(np.float32))
    low, high = np.percentile(data, (0.1, 99.9))
    return np.asarray(np.clip((data - low) / max(high - low, 1e-9), 0, 1), np.float32)


def _syn(still: NDArray[np.float32], moved: NDArray[np.float32], grid: Grid) -> Any:
    try:
        from dipy.align.imwarp import SymmetricDiffeomorphicRegistration
        from dipy.align.metrics import CCMetric
    except ImportError as error:
        raise ModelError("dipy is not installed", hint=INSTALL) from error
    n_levels = next((n for n in (3, 2) if min(grid.shape) // 2 ** (n - 1) >= _SMALLEST), 1)
    search = SymmetricDiffeomorphicRegistration(
        CCMetric(3, radius=min(_RADIUS, (min(grid.shape) - 1) // 2)),
        level_iters=list(_STEPS[-n_levels:]),
    )
    return search.optimize(
        still, moved, static_grid2world=grid.affine, moving_grid2world=grid.affine
    )


def _sampled(move: Any, grid: Grid) -> NDArray[np.float64]:
    """Ask a map at every voxel of a grid, some slices at a time."""
    places = np.empty((*grid.shape, 3))
    for start, end in _slabs(grid):
        index = np.stack(
            np.meshgrid(np.arange(start, end), *map(np.arange, grid.shape[1:]), indexing="ij"), -1
        )
        points = grid.to_world(index).reshape(-1, 3)
        places[start:end] = np.asarray(move(points)).reshape(*index.shape)
    return places


def _slabs(grid: Grid) -> Iterator[tuple[int, int]]:
    step = max(1, _SLAB // (grid.shape[1] * grid.shape[2]))
    for start in range(0, grid.shape[0], step):
        yield start, min(start + step, grid.shape[0])
