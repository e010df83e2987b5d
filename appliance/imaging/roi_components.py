"""Connected parts of masks over six faces, through runs of voxels along rows; holes and salt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.imaging.compiled import compiled
from appliance.imaging.roi_arrays import Mask, as_bytes, as_mask
from appliance.imaging.roi_runs import Ints, paint, runs_of

__all__ = ["fill_mask_holes", "label_parts", "largest_parts", "without_salt"]


@dataclass(frozen=True)
class _Parts:
    """Runs of a mask and the part each belongs to, 0 for the largest."""

    shape: tuple[int, int, int]
    flip: bool
    start: Ints
    end: Ints
    part: Ints
    sizes: Ints

    def painted(self, keep: NDArray[np.bool_]) -> Mask:
        """Give the mask of the parts to keep."""
        out = np.zeros(self.shape, np.uint8)
        paint(out.reshape(-1), self.start, self.end, self.part, keep)
        return as_mask(out, self.flip)


def label_parts(mask: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the connected parts of a mask.

    Parameters
    ----------
    mask : ndarray
        (I, J, K); anything above 0 is on.

    Returns
    -------
    tuple of ndarray
        Labels (I, J, K), 0 outside and 1 for the largest part, and the voxels of each part. Of
        equal parts the one whose first voxel (i fastest) comes first has the lower number.
    """
    found = _parts(mask)
    labels = np.zeros(found.shape, np.int32)
    _number(labels.reshape(-1), found.start, found.end, found.part)
    return (labels.T if found.flip else labels), found.sizes


def without_salt(mask: NDArray[Any], threshold: int = 100) -> Mask:
    """Remove parts of at most `threshold` voxels."""
    found = _parts(mask)
    return found.painted(found.sizes > threshold)


def largest_parts(mask: NDArray[Any], count: int = 1) -> Mask:
    """Keep the `count` largest parts."""
    found = _parts(mask)
    return found.painted(np.arange(len(found.sizes)) < count)


def fill_mask_holes(mask: NDArray[Any]) -> Mask:
    """Switch on what cannot be reached from the border of the matrix.

    An axis of one voxel has no border, so holes of a mask in a single slice are filled in it.
    """
    data, flip = as_bytes(mask)
    start, end, first = runs_of(data, 0)
    part = _united(start, end, first, data.shape[1], data.shape[2])
    is_open = np.zeros(len(start) + 1, np.bool_)
    _mark_open(start, end, part, np.array(data.shape, np.int64), is_open)
    out = data.copy()
    paint(out.reshape(-1), start, end, part, ~is_open)
    return as_mask(out, flip)


def _parts(mask: NDArray[Any]) -> _Parts:
    data, flip = as_bytes(mask)
    start, end, first = runs_of(data, 1)
    root = _united(start, end, first, data.shape[1], data.shape[2])
    shape = (data.shape[0], data.shape[1], data.shape[2])
    part, sizes, early = _counted(root, start, end, np.array(shape, np.int64), flip)
    order = np.lexsort((early, -sizes))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return _Parts(shape, flip, start, end, rank[part], sizes[order])


@compiled
def _counted(
    root: Ints, start: Ints, end: Ints, shape: Ints, flip: bool
) -> tuple[Ints, Ints, Ints]:
    """Part of each run, voxels of each part, and its lowest index with i fastest."""
    n = 0
    part = np.empty_like(root)
    for r in range(root.size):  # the root is the first run of its part
        if root[r] == r:
            part[r] = n
            n += 1
        else:
            part[r] = part[root[r]]
    sizes, early = np.zeros(n, np.int64), np.full(n, shape[0] * shape[1] * shape[2])
    for r in range(root.size):
        sizes[part[r]] += end[r] - start[r]
        k, row = start[r] % shape[2], start[r] // shape[2]
        turned = row // shape[1] + shape[0] * (row % shape[1] + shape[1] * k)
        early[part[r]] = min(early[part[r]], start[r] if flip else turned)
    return part, sizes, early


@compiled
def _root(parent: Ints, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@compiled
def _unite(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    start: Ints, end: Ints, first: Ints, parent: Ints, row: int, other: int, shift: int
) -> None:
    a, b = first[row], first[other]
    while a < first[row + 1] and b < first[other + 1]:
        if start[a] < end[b] + shift and start[b] + shift < end[a]:
            x, y = _root(parent, a), _root(parent, b)
            parent[max(x, y)] = min(x, y)
        if end[a] < end[b] + shift:
            a += 1
        else:
            b += 1


@compiled
def _united(start: Ints, end: Ints, first: Ints, n_rows: int, n_row: int) -> Ints:
    parent = np.arange(start.size)
    for row in range(first.size - 1):
        if first[row] == first[row + 1]:
            continue
        if row % n_rows:
            _unite(start, end, first, parent, row, row - 1, n_row)
        if row >= n_rows:
            _unite(start, end, first, parent, row, row - n_rows, n_row * n_rows)
    for i in range(parent.size):
        parent[i] = _root(parent, i)
    return parent


@compiled
def _number(out: NDArray[np.int32], start: Ints, end: Ints, part: Ints) -> None:
    for i in range(start.size):
        out[start[i] : end[i]] = part[i] + 1


@compiled
def _mark_open(start: Ints, end: Ints, part: Ints, shape: Ints, is_open: NDArray[np.bool_]) -> None:
    ni, nj, nk = shape[0], shape[1], shape[2]
    for r in range(start.size):
        row = start[r] // nk
        i, j = row // nj, row % nj
        side = nk > 1 and (start[r] == row * nk or end[r] == (row + 1) * nk)
        side = side or (nj > 1 and (j == 0 or j == nj - 1))
        if side or (ni > 1 and (i == 0 or i == ni - 1)):
            is_open[part[r]] = True
