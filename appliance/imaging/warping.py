"""Draws an image on another grid through a transform or a deformation field, in numpy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Grid, Volume, invert, voxel_to_world
from appliance.imaging.resampling import resample

__all__ = ["itk_affine_text", "pull_image"]


def pull_image(
    moving: Volume,
    grid: Grid,
    *,
    matrix: NDArray[np.float64] | None = None,
    field: Volume | None = None,
    order: int = 1,
) -> Volume:
    """Draw a moving image in the fixed world.

    Parameters
    ----------
    moving : Volume
        Image or labels, one or several frames.
    grid : Grid
        Where to draw, in the fixed world.
    matrix : ndarray, optional
        (4, 4), fixed world -> moving world, RAS+ mm.
    field : Volume, optional
        Deformation field instead: places in the moving world, (I, J, K, 3).
    order : {0, 1}
        0 nearest (labels), 1 trilinear.

    Returns
    -------
    Volume
        On `grid`; 0 where the moving image says nothing.

    Raises
    ------
    Invalid
        If neither or both are given, or the field has not three components.
    """
    if matrix is not None and field is None:
        placed = Volume(moving.data, invert(matrix) @ moving.affine, moving.header)
        return resample(placed, grid, order=order)
    if field is None or matrix is not None:
        raise Invalid("a transform is either a matrix or a field")
    places = _places(field, grid)
    index = voxel_to_world(invert(moving.affine), places)
    frames = [_read(moving.frame(t), index, order) for t in range(moving.n_volumes)]
    data = frames[0] if moving.data.ndim == 3 else np.stack(frames, axis=-1)
    return Volume(data, grid.affine, moving.header)


def itk_affine_text(matrix: NDArray[np.float64]) -> str:
    """Write a matrix between RAS+ worlds as ITK's text file of an affine transform (LPS+)."""
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    lps = turn @ matrix @ turn
    numbers = [*lps[:3, :3].ravel(), *lps[:3, 3]]
    return "\n".join(
        [
            "#Insight Transform File V1.0",
            "#Transform 0",
            "Transform: AffineTransform_double_3_3",
            "Parameters: " + " ".join(f"{number:.12g}" for number in numbers),
            "FixedParameters: 0 0 0",
            "",
        ]
    )


def _places(field: Volume, grid: Grid) -> NDArray[np.float64]:
    """Places in the moving world for every voxel of a grid; beyond the field its edge goes on."""
    from scipy.ndimage import map_coordinates

    if field.n_volumes != 3:
        raise Invalid("a deformation field has three components")
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), -1)
    if field.grid.matches(grid):
        return np.asarray(field.data, float)
    there = voxel_to_world(invert(field.affine) @ grid.affine, index)
    shifts = field.data - field.grid.to_world(
        np.stack(np.meshgrid(*(np.arange(n) for n in field.grid.shape), indexing="ij"), -1)
    )
    parts = [
        map_coordinates(shifts[..., c], np.moveaxis(there, -1, 0), order=1, mode="nearest")
        for c in range(3)
    ]
    return np.asarray(grid.to_world(index) + np.stack(parts, -1))


def _read(frame: NDArray[Any], index: NDArray[np.float64], order: int) -> NDArray[Any]:
    from scipy.ndimage import map_coordinates

    kind = frame.dtype if order == 0 else np.dtype(np.float32)
    source = frame if order == 0 else frame.astype(np.float32)
    read: NDArray[Any] = map_coordinates(
        source, np.moveaxis(index, -1, 0), order=order, mode="grid-constant"
    )
    return read.astype(kind, copy=False)
