"""A page of slices with the outlines of a mask, to look at what a job made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.geometry import Volume
from appliance.imaging.resampling import resample
from appliance.imaging.slices import Plane, slice_preview
from appliance.imaging.windows import auto_window

__all__ = ["mosaic"]

_COLORS = ((230, 60, 60), (70, 190, 90), (80, 140, 250), (240, 190, 60), (190, 90, 220))
_PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
_EDGE = 0.08


def mosaic(
    image: Volume, labels: Volume | None = None, *, columns: int = 6, size: int = 160
) -> NDArray[np.uint8]:
    """Draw one row of slices for each plane.

    Parameters
    ----------
    image : Volume
        Its first frame is drawn.
    labels : Volume, optional
        Mask or labels on any grid, drawn as outlines.
    columns : int
        Slices in a row.
    size : int
        Edge of a slice in pixels.

    Returns
    -------
    ndarray
        (3 * size, columns * size, 3) uint8, radiological convention.
    """
    window = auto_window(image.frame())
    over = None if labels is None else _on_grid(labels, image)
    rows = [
        np.concatenate(
            [_tile(image, over, plane, at, size, window) for at in _positions(columns)], axis=1
        )
        for plane in _PLANES
    ]
    return np.concatenate(rows, axis=0)


def _positions(columns: int) -> NDArray[np.float64]:
    return np.linspace(0, 1, columns + 2)[1:-1] * (1 - 2 * _EDGE) + _EDGE


def _on_grid(labels: Volume, image: Volume) -> Volume:
    first = Volume(labels.frame(), labels.affine)
    return first if first.grid.matches(image.grid) else resample(first, image.grid, order=0)


def _tile(  # noqa: PLR0917 - one call, two lines above
    image: Volume,
    over: Volume | None,
    plane: Plane,
    at: float,
    size: int,
    window: tuple[float, float],
) -> NDArray[np.uint8]:
    grey = slice_preview(image, plane=plane, position=at, size=size, window=window)
    tile = np.repeat(grey[..., None], 3, axis=2)
    for number in [] if over is None else _present(over.data):
        shape = over.like((over.data == number).astype(np.uint8))  # type: ignore[union-attr]
        drawn = slice_preview(shape, plane=plane, position=at, size=size, window=(0.0, 1.0)) > 127
        tile[_outline(drawn)] = _COLORS[(int(number) - 1) % len(_COLORS)]
    return tile


def _present(data: NDArray[Any]) -> NDArray[Any]:
    found = np.unique(data)
    return found[found > 0][: len(_COLORS)]


def _outline(drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    return np.asarray(drawn & ~binary_erosion(drawn))
