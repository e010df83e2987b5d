"""Contours in planes to voxels and back, by one exact rule; knows nothing of DICOM.

A voxel is in when its centre lies within an odd number of the contours of its plane, or on one of
them. So a contour inside another is a hole, and so is what a narrow channel (a keyhole) leads to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from appliance.geometry import Grid

__all__ = ["Filled", "fill_contours", "inside_polygons", "trace_mask"]

Points = NDArray[np.float64]
Corner = tuple[int, int]
Way = tuple[int, int, int, int]
"""A corner and the step to the next."""

_ON_LINE = 0.01  # of a voxel
_FLAT = 0.05  # of a voxel
_SHARE = 1e-3
_MOST_PAIRS = 1 << 22


@dataclass(frozen=True, eq=False)
class Filled:
    """Voxels of one set of contours.

    Attributes
    ----------
    mask : ndarray
        (I, J, K) bool.
    is_exact : bool
        Whether every contour lies in a plane of voxel centres.
    n_askew : int
        Contours that were left out because they lie in no plane parallel to the others.
    """

    mask: NDArray[np.bool_]
    is_exact: bool
    n_askew: int


@dataclass(frozen=True, eq=False)
class _Plane:
    height: float
    contours: list[Points]
    """(N, 2) each, in the plane."""


def fill_contours(grid: Grid, contours: Sequence[Points], slab: float | None = None) -> Filled:
    """Find the voxels within contours.

    Parameters
    ----------
    contours : sequence of ndarray
        (N, 3) each, world RAS+ mm, closed without repeating the first point.
    slab : float, optional
        Thickness in mm that a contour stands for; by default one slice. A voxel belongs to the
        nearest plane of contours within half of it, never of less than a slice.

    Notes
    -----
    Contours that are perpendicular to an axis of the grid are filled slice by slice, others in
    planes of their own across the grid; the rule is the same.
    """
    voxels = [grid.to_voxel(points) for points in contours if len(points) >= 3]
    frame = _axes(voxels) if voxels else None
    frame = _tilted(grid, voxels) if frame is None else frame
    mask = np.zeros(grid.shape, bool)
    if frame is None:
        return Filled(mask, True, len(contours))
    turned = [points @ frame.T for points in voxels]
    flat = [points for points in turned if np.ptp(points[:, 2]) <= 2 * _FLAT]
    planes = _planes(flat)
    unit = _unit(grid, frame)
    reach = max(1.0, 0.0 if slab is None else slab / unit) / 2
    for number, plane in enumerate(planes):
        low, high = _slab_of(planes, number, reach)
        index = _candidates(grid, frame, plane, low, high)
        chosen = index[inside_polygons((index @ frame.T)[:, :2], plane.contours)]
        mask[tuple(chosen.T)] = True
    return Filled(mask, _on_slices(planes, frame), len(contours) - len(flat))


def inside_polygons(
    points: Points, polygons: Sequence[Points], on_line: float = _ON_LINE
) -> NDArray[np.bool_]:
    """Tell which points (N, 2) lie in an odd number of polygons, or on the line of one."""
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order].T
    first = np.concatenate(polygons)
    second = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons])
    low = np.minimum(first[:, 1], second[:, 1]) - on_line
    high = np.maximum(first[:, 1], second[:, 1]) + on_line
    start, end = np.searchsorted(y, low), np.searchsorted(y, high, "right")
    crossings = np.zeros(len(points), np.int64)
    on = np.zeros(len(points), bool)
    for edges in _parts(end - start):
        counts = (end - start)[edges]
        edge = np.repeat(edges, counts)
        at = start[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
        a, b = first[edge], second[edge]
        crossings += np.bincount(at[_crosses(x[at], y[at], a, b)], minlength=len(points))
        on[at[_distance(x[at], y[at], a, b) <= on_line]] = True
    found = np.empty(len(points), bool)
    found[order] = (crossings % 2 == 1) | on
    return found


def trace_mask(mask: NDArray[np.bool_]) -> list[Points]:
    """Trace a 2D mask along the edges of its voxels.

    Returns
    -------
    list of ndarray
        (N, 2) each, row and column, whole numbers at the voxels' middles. Voxels that only touch
        at a corner are traced apart; every hole is joined to what holds it by a keyhole of no
        width along edges of voxels, so that all contours are outer ones.
    """
    loops = _loops(mask)
    outer = {at: loop for at, loop in enumerate(loops) if _area(loop) > 0}
    holes = sorted((at for at in range(len(loops)) if at not in outer), key=lambda n: min(loops[n]))
    owners = {at: at for at in outer}
    home = {corner: at for at, loop in enumerate(loops) for corner in loop}
    for hole in holes:
        start = min(loops[hole])
        x, y = start[0] - 1, start[1]
        while (x, y) not in home:
            x -= 1
        owner = owners[hole] = owners[home[x, y]]
        outer[owner] = _joined(outer[owner], (x, y), loops[hole], start)
    return [_points(loop) for loop in outer.values()]


def _axes(voxels: Sequence[Points]) -> Points | None:
    """Find the axis of the grid that most contours are perpendicular to, as a turn (3, 3)."""
    flat = [sum(np.ptp(points[:, axis]) <= 2 * _FLAT for points in voxels) for axis in range(3)]
    axis = max((2, 1, 0), key=lambda a: flat[a])
    if not flat[axis] or 2 * flat[axis] < len(voxels):
        return None
    return np.eye(3)[[*(a for a in range(3) if a != axis), axis]]


def _tilted(grid: Grid, voxels: Sequence[Points]) -> Points | None:
    """Give axes of the planes across the grid, in units of its smallest voxel edge."""
    steps = grid.affine[:3, :3]
    normals = [_normal(points @ steps.T) for points in voxels]
    if not normals or not any(map(np.any, normals)):
        return None
    normal = max(normals, key=lambda n: float(np.linalg.norm(n)))
    normal = normal / np.linalg.norm(normal)
    across = np.eye(3)[int(np.argmin(np.abs(normal)))]
    u = np.cross(normal, across)
    u = u / np.linalg.norm(u)
    axes: Points = np.stack([u, np.cross(normal, u), normal]) @ steps / min(grid.voxel_mm)
    return axes


def _normal(points: Points) -> Points:
    found: Points = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    return found


def _unit(grid: Grid, frame: Points) -> float:
    """Give the length in mm of one step of height."""
    return float(1 / np.linalg.norm(np.linalg.inv(grid.affine[:3, :3]).T @ frame[2]))


def _planes(flat: Sequence[Points]) -> list[_Plane]:
    planes: list[_Plane] = []
    for points in sorted(flat, key=lambda one: float(one[:, 2].mean())):
        height = float(points[:, 2].mean())
        if planes and height - planes[-1].height <= 2 * _FLAT:
            planes[-1].contours.append(points[:, :2])
        else:
            planes.append(_Plane(height, [points[:, :2]]))
    return planes


def _slab_of(planes: Sequence[_Plane], number: int, reach: float) -> tuple[float, float]:
    """Give the heights that belong to a plane: the lower end does, the upper does not."""
    own = planes[number].height
    low, high = own - reach, own + reach
    if number:
        low = max(low, (own + planes[number - 1].height) / 2)
    if number + 1 < len(planes):
        high = min(high, (own + planes[number + 1].height) / 2)
    return low, high


def _candidates(
    grid: Grid, frame: Points, plane: _Plane, low: float, high: float
) -> NDArray[np.int64]:
    """Give the voxels around the contours of a plane whose heights belong to it, (N, 3)."""
    flat = np.concatenate(plane.contours)
    ends = np.stack([flat.min(axis=0) - 1, flat.max(axis=0) + 1])
    corners = np.array(np.meshgrid(ends[:, 0], ends[:, 1], [low, high])).reshape(3, -1)
    box = np.linalg.solve(frame, corners)
    first = np.maximum(0, np.ceil(box.min(axis=1) - _FLAT).astype(int))
    last = np.minimum(grid.shape, np.floor(box.max(axis=1) + _FLAT).astype(int) + 1)
    found = [np.zeros((0, 3), np.int64)]
    for k in range(first[2], last[2]):
        axes = np.arange(first[0], last[0]), np.arange(first[1], last[1]), [k]
        index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        height = index @ frame[2]
        found.append(index[(height >= low - _SHARE) & (height < high - _SHARE)])
    return np.concatenate(found)


def _on_slices(planes: Sequence[_Plane], frame: Points) -> bool:
    aligned = bool(np.isin(frame, (0.0, 1.0)).all())
    return aligned and all(abs(p.height - round(p.height)) <= _FLAT for p in planes)


def _parts(counts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split edges into groups with a bounded number of points."""
    used = np.flatnonzero(counts)
    groups = np.cumsum(counts[used]) // _MOST_PAIRS
    return [used[groups == group] for group in np.unique(groups)]


def _crosses(x: Points, y: Points, a: Points, b: Points) -> NDArray[np.bool_]:
    rise = b[:, 1] - a[:, 1]
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    along = (y - a[:, 1]) / np.where(spans, rise, 1.0)
    return np.asarray(spans & (x < a[:, 0] + along * (b[:, 0] - a[:, 0])))


def _distance(x: Points, y: Points, a: Points, b: Points) -> Points:
    dx, dy = (b - a).T
    square = dx * dx + dy * dy
    along = ((x - a[:, 0]) * dx + (y - a[:, 1]) * dy) / np.where(square > 0, square, 1.0)
    along = np.clip(along, 0.0, 1.0)
    found: Points = np.hypot(x - a[:, 0] - along * dx, y - a[:, 1] - along * dy)
    return found


def _loops(mask: NDArray[np.bool_]) -> list[list[Corner]]:
    """Link the edges between voxels in and out to loops of corners (column, row).

    What is in lies to the right of the way; where two loops touch each keeps to its own voxel.
    """
    ways = _ways(mask)
    left, loops = dict(ways), []
    while left:
        start = way = next(iter(left))
        loop: list[Corner] = []
        while not loop or way != start:
            del left[way]
            loop.append(way[:2])
            way = _onward(ways, way)
        loops.append(loop)
    return loops


def _onward(ways: dict[Way, None], way: Way) -> Way:
    """Give the edge that follows another: the one to the right where there are two."""
    x, y, dx, dy = way
    turns = (-dy, dx), (dx, dy), (dy, -dx)
    return next(to for turn in turns if (to := (x + dx, y + dy, *turn)) in ways)


def _ways(mask: NDArray[np.bool_]) -> dict[Way, None]:
    """Find the edges around voxels, as a corner and a step, in a fixed order."""
    wide = np.pad(mask, 1)
    here = wide[1:-1, 1:-1]
    found: dict[Way, None] = {}
    for free, (right, down), (dx, dy) in (
        (~wide[:-2, 1:-1], (0, 0), (1, 0)),
        (~wide[1:-1, 2:], (1, 0), (0, 1)),
        (~wide[2:, 1:-1], (1, 1), (-1, 0)),
        (~wide[1:-1, :-2], (0, 1), (0, -1)),
    ):
        rows, columns = np.nonzero(here & free)
        found |= {
            (column + right, row + down, dx, dy): None
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        }
    return found


def _area(loop: Sequence[Corner]) -> int:
    pairs = pairwise([*loop, loop[0]])
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)


def _joined(outer: list[Corner], at: Corner, hole: list[Corner], start: Corner) -> list[Corner]:
    """Walk from a corner of the outer loop to the hole, around it, and back."""
    here, first = outer.index(at), hole.index(start)
    around = [*hole[first:], *hole[:first], start]
    return [*outer[: here + 1], *around, *outer[here:]]


def _points(loop: Sequence[Corner]) -> Points:
    """Leave out corners on straight ways, and give rows and columns."""
    corners = np.array(loop, float)
    before = corners - np.roll(corners, 1, axis=0)
    after = np.roll(corners, -1, axis=0) - corners
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    back = (before * after).sum(axis=1) < 0
    found: Points = corners[(cross != 0) | back][:, ::-1] - 0.5
    return found
