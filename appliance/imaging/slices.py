"""Flat grey pictures of one slice of a volume, for previews."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.geometry import Volume
from appliance.imaging.windows import auto_window

__all__ = ["Plane", "slice_preview"]

Plane = Literal["sagittal", "coronal", "axial"]

_CUT_AXIS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}


def slice_preview(
    volume: Volume,
    *,
    plane: Plane = "axial",
    position: float = 0.5,
    size: int = 256,
    frame: int = 0,
    window: tuple[float, float] | None = None,
) -> NDArray[np.uint8]:
    """Draw one slice in its true proportions on a black square.

    Parameters
    ----------
    volume : Volume
        Image of any orientation; its nearest upright one is drawn.
    plane : {"axial", "coronal", "sagittal"}
        Cutting plane.
    position : float
        Where between the first (0) and the last slice (1).
    size : int
        Edge of the picture in pixels.
    frame : int
        Index along the fourth axis.
    window : tuple of float, optional
        Display limits; chosen by `auto_window` when not given.

    Returns
    -------
    ndarray
        (size, size) uint8. Radiological convention: the person's right is on the left of the
        picture, the head or the front is up, and in sagittal slices the front is on the left.
    """
    upright = volume.reoriented("RAS")
    axis = _CUT_AXIS[plane]
    data = upright.frame(frame)
    index = round(min(max(position, 0.0), 1.0) * (data.shape[axis] - 1))
    cut = np.take(data, index, axis=axis).T[::-1, ::-1]
    steps = [step for i, step in enumerate(upright.grid.voxel_mm) if i != axis]
    low, high = auto_window(data) if window is None else window
    return _letterbox(_to_grey(cut, low, high), steps[1], steps[0], size)


def _to_grey(cut: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    share = (np.nan_to_num(cut.astype(np.float32)) - low) / (high - low)
    grey: NDArray[np.float32] = np.clip(share, 0.0, 1.0).astype(np.float32) * np.float32(255)
    return grey


def _letterbox(
    grey: NDArray[np.float32], row_mm: float, column_mm: float, size: int
) -> NDArray[np.uint8]:
    """Fit a slice into a square, with linear interpolation between pixel centres."""
    tall, wide = grey.shape[0] * row_mm, grey.shape[1] * column_mm
    scale = size / max(tall, wide)
    rows, columns = (max(1, round(length * scale)) for length in (tall, wide))
    picture = np.zeros((size, size), np.uint8)
    top, left = (size - rows) // 2, (size - columns) // 2
    fitted = _stretch(_stretch(grey, rows, 0), columns, 1)
    picture[top : top + rows, left : left + columns] = np.rint(fitted)
    return picture


def _stretch(grey: NDArray[np.float32], count: int, axis: int) -> NDArray[np.float32]:
    """Bring one axis to another length: means when it shrinks, lines between when it grows."""
    length = grey.shape[axis]
    weights = _shrink(length, count) if count < length else _widen(length, count)
    stretched: NDArray[np.float32] = weights @ grey if axis == 0 else grey @ weights.T
    return stretched


def _shrink(length: int, count: int) -> NDArray[np.float32]:
    """Weights (count, length) that average neighbours, by how much of each falls into a pixel."""
    edges = np.linspace(0, length, count + 1)
    cells = np.arange(length)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.asarray(np.maximum(overlap, 0) * count / length, np.float32)


def _widen(length: int, count: int) -> NDArray[np.float32]:
    """Weights (count, length) that interpolate between the two nearest centres."""
    at = np.clip((np.arange(count) + 0.5) * length / count - 0.5, 0, length - 1)
    away = np.abs(at[:, None] - np.arange(length))
    return np.asarray(np.maximum(0, 1 - away), np.float32)
