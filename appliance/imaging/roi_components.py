"""Connected parts of masks over six faces, through runs of voxels along rows; holes and salt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.imaging.compiled import compiled
from appliance.imaging.roi_arrays import Mask, as_bytes, as_mask
from appliance.imaging.roi_bits import Words, last_word, pack, unpack
from appliance.imaging.roi_runs import Columns, Ints, Runs, paint, runs_of, united

__all__ = ["fill_mask_holes", "label_parts", "largest_parts", "without_salt"]


@dataclass(frozen=True)
class _Parts:
    """Runs of a mask and the part each belongs to, 0 for the largest."""

    shape: tuple[int, int, int]
    flip: bool
    words: Words
    runs: Runs
    part: Ints
    sizes: Ints

    def painted(self, keep: NDArray[np.bool_]) -> Mask:
        """Give the mask of the parts to keep."""
        gone = np.zeros_like(self.words)
        paint(gone, self.runs, self.part, ~keep)
        return as_mask(unpack(self.words & ~gone, self.shape), self.flip)


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
    rows = labels.reshape(-1, max(1, found.shape[2]))
    _number(rows, found.runs.start, found.runs.end, found.runs.first, found.part)
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
    words = pack(data)
    off = ~words
    off[..., -1] &= last_word(data.shape[2])
    runs = runs_of(off)
    part = united(runs, data.shape[1])
    is_open = np.zeros(len(part), np.bool_)
    _mark_open(runs.start, runs.end, runs.first, part, np.array(data.shape, np.int64), is_open)
    paint(words, runs, part, ~is_open)
    return as_mask(unpack(words, data.shape), flip)


def _parts(mask: NDArray[Any]) -> _Parts:
    data, flip = as_bytes(mask)
    shape = (data.shape[0], data.shape[1], data.shape[2])
    words = pack(data)
    runs = runs_of(words)
    root = united(runs, shape[1])
    extent = np.array(shape, np.int64)
    part, sizes, early = _counted(root, runs.start, runs.end, runs.first, extent, flip)
    order = np.lexsort((early, -sizes))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return _Parts(shape, flip, words, runs, rank[part], sizes[order])


@compiled
def _counted(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    root: Ints, start: Columns, end: Columns, first: Ints, shape: Ints, flip: bool
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
    for row in range(first.size - 1):
        turned = row // shape[1] + shape[0] * (row % shape[1])
        for r in range(first[row], first[row + 1]):
            sizes[part[r]] += end[r] - start[r]
            upright = turned + shape[0] * shape[1] * start[r]
            early[part[r]] = min(early[part[r]], row * shape[2] + start[r] if flip else upright)
    return part, sizes, early


@compiled
def _number(rows: NDArray[np.int32], start: Columns, end: Columns, first: Ints, part: Ints) -> None:
    for row in range(rows.shape[0]):
        for r in range(first[row], first[row + 1]):
            rows[row, start[r] : end[r]] = part[r] + 1


@compiled
def _mark_open(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    start: Columns,
    end: Columns,
    first: Ints,
    part: Ints,
    shape: Ints,
    is_open: NDArray[np.bool_],
) -> None:
    ni, nj, nk = shape[0], shape[1], shape[2]
    for row in range(first.size - 1):
        i, j = row // nj, row % nj
        side = nj > 1 and (j == 0 or j == nj - 1)
        side = side or (ni > 1 and (i == 0 or i == ni - 1))
        for r in range(first[row], first[row + 1]):
            if side or (nk > 1 and (start[r] == 0 or end[r] == nk)):
                is_open[part[r]] = True
