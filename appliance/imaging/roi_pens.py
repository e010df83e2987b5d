"""Pens in world millimetres: which voxels of a grid a sphere, a cylinder or an outline covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.geometry import Grid, invert
from appliance.imaging.compiled import compiled
from appliance.imaging.roi_arrays import Bytes, Mask

__all__ = ["Outline", "Pen", "brush", "fill_outline"]

_RIM = 1e-6
Floats = NDArray[np.float64]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Pen:
    """A pen at `centre`, or drawn in a line from `start` to it; lengths in mm, RAS+.

    `normal` is the unit vector through the slices, `half_mm` half the thickness along it, which
    `direction` (1 or -1) puts wholly to one side of the slice.
    """

    shape: Literal["sphere", "cylinder"]
    centre: Vector
    normal: Vector
    radius_mm: float
    half_mm: float
    direction: int = 0
    start: Vector | None = None


@dataclass(frozen=True)
class Outline:
    """A closed outline: corners (N, 2) in mm along `right` and `up` from `origin`."""

    origin: Vector
    right: Vector
    up: Vector
    normal: Vector
    points: NDArray[Any]
    half_mm: float


def brush(grid: Grid, pen: Pen) -> Mask:
    """Give the voxels whose centres a pen covers, and always the one under its middle.

    A sphere is cut to its slab, it is no ellipsoid; a cylinder has the radius in the plane.
    """
    centre = np.array(pen.centre, np.float64)
    start = centre if pen.start is None else np.array(pen.start, np.float64)
    out = np.zeros(grid.shape, np.uint8)
    reach = float(np.hypot(pen.radius_mm, 2 * pen.half_mm))
    low, high = _box(grid, np.stack([start, centre]), reach)
    thickness = {0: (-pen.half_mm, pen.half_mm), 1: (0.0, 2 * pen.half_mm)}
    thickness[-1] = (-2 * pen.half_mm, 0.0)
    slab = thickness[pen.direction]
    _cover(
        out,
        np.asarray(grid.affine, np.float64),
        low,
        high,
        start,
        centre,
        np.array(pen.normal, np.float64),
        pen.radius_mm + _RIM,
        slab[0] - _RIM,
        slab[1] + _RIM,
        pen.shape == "cylinder",
    )
    under = np.floor(_voxels(grid, centre[None])[0] + 0.5).astype(int)
    if (under >= 0).all() and (under < grid.shape).all():
        out[tuple(under)] = 1
    covered: Mask = out.view(np.bool_)
    return covered


def fill_outline(grid: Grid, outline: Outline) -> Mask:
    """Give the voxels whose centres lie in an outline (even-odd), within its thickness."""
    out = np.zeros(grid.shape, np.uint8)
    points = np.asarray(outline.points, np.float64).reshape(-1, 2)
    origin, right, up, normal = (
        np.array(v, np.float64) for v in (outline.origin, outline.right, outline.up, outline.normal)
    )
    if len(points) >= 3:
        world = origin + points[:, :1] * right + points[:, 1:] * up
        low, high = _box(grid, world, outline.half_mm)
        affine = np.asarray(grid.affine, np.float64)
        half = outline.half_mm + _RIM
        _fill(out, affine, low, high, origin, right, up, normal, points, half)
    filled: Mask = out.view(np.bool_)
    return filled


def _voxels(grid: Grid, world: Floats) -> Floats:
    inverse = invert(grid.affine)
    voxels: Floats = world @ inverse[:3, :3].T + inverse[:3, 3]
    return voxels


def _box(grid: Grid, world: Floats, mm: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxels around points: low included, high not."""
    places = _voxels(grid, world)
    reach = mm * np.linalg.norm(invert(grid.affine)[:3, :3], axis=1)
    low = np.ceil(places.min(0) - reach - _RIM).astype(np.int64)
    high = np.floor(places.max(0) + reach + _RIM).astype(np.int64) + 1
    return np.maximum(low, 0), np.minimum(high, np.array(grid.shape, np.int64))


@compiled
def _cover(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    out: Bytes,
    affine: Floats,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    start: Floats,
    centre: Floats,
    normal: Floats,
    radius: float,
    bottom: float,
    top: float,
    flat: bool,
) -> None:
    line = centre - start
    length2 = (line * line).sum()
    p = np.empty(3)
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            for k in range(low[2], high[2]):
                for c in range(3):
                    row = affine[c]
                    p[c] = row[0] * i + row[1] * j + row[2] * k + row[3] - start[c]
                z = (p * normal).sum()
                if z < bottom or z > top:
                    continue
                t = min(1.0, max(0.0, (p * line).sum() / length2)) if length2 > 0 else 0.0
                r2 = ((p - t * line) ** 2).sum() - (z * z if flat else 0.0)
                if r2 <= radius * radius:
                    out[i, j, k] = 1


@compiled
def _inside(points: Floats, u: float, v: float) -> bool:
    inside = False
    last = len(points) - 1
    for i in range(len(points)):
        xi, yi = points[i, 0], points[i, 1]
        xj, yj = points[last, 0], points[last, 1]
        if (yi > v) != (yj > v) and u < (xj - xi) * (v - yi) / (yj - yi) + xi:
            inside = not inside
        last = i
    return inside


@compiled
def _fill(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    out: Bytes,
    affine: Floats,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    origin: Floats,
    right: Floats,
    up: Floats,
    normal: Floats,
    points: Floats,
    half: float,
) -> None:
    p = np.empty(3)
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            for k in range(low[2], high[2]):
                for c in range(3):
                    row = affine[c]
                    p[c] = row[0] * i + row[1] * j + row[2] * k + row[3] - origin[c]
                if abs((p * normal).sum()) > half:
                    continue
                if _inside(points, (p * right).sum(), (p * up).sum()):
                    out[i, j, k] = 1
