"""Runs of voxels along rows: found, painted, and followed from one to those that touch it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.imaging.compiled import compiled, parallel, prange
from appliance.imaging.roi_arrays import Bytes

__all__ = ["Ints", "paint", "part_with", "runs_of"]

Ints = NDArray[np.int64]
_ONES = 0x0101010101010101


def runs_of(data: Bytes, on: int) -> tuple[Ints, Ints, Ints]:
    """Find the runs of voxels that are `on`: first, end, and the first run of each row."""
    rows = data.reshape(-1, data.shape[2]) if data.size else data.reshape(0, 1)
    first = np.zeros(len(rows) + 1, np.int64)
    _count_runs(rows, on, first)
    np.cumsum(first, out=first)
    start, end = np.empty(first[-1], np.int64), np.empty(first[-1], np.int64)
    eight = rows.shape[1] % 8 == 0
    words = rows.view(np.uint64) if eight else np.empty((0, 0), np.uint64)
    _find_runs(rows, words, on, first, start, end)
    return start, end, first


def part_with(data: Bytes, seed: int) -> Bytes:
    """Give what is joined over faces with a voxel; nothing when the voxel is off."""
    out = np.zeros(data.shape, np.uint8)
    if not data.reshape(-1)[seed]:
        return out
    start, end, first = runs_of(data, 1)
    joined = np.zeros(len(start), np.int64)
    _follow(start, end, first, np.array([seed, data.shape[1], data.shape[2]]), joined)
    paint(out.reshape(-1), start, end, joined, np.array([False, True]))
    return out


@parallel
def paint(out: Bytes, start: Ints, end: Ints, part: Ints, keep: NDArray[np.bool_]) -> None:
    """Switch on the runs whose part is kept."""
    for i in prange(start.size):
        if keep[part[i]]:
            for at in range(start[i], end[i]):
                out[at] = 1


@parallel
def _count_runs(rows: Bytes, on: int, first: Ints) -> None:
    for r in prange(rows.shape[0]):
        row = rows[r]
        n = 0
        for k in range(1, row.size):
            n += (row[k] == on) & (row[k - 1] != on)
        first[r + 1] = n + (row[0] == on)


@parallel
def _find_runs(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    rows: Bytes, words: NDArray[np.uint64], on: int, first: Ints, start: Ints, end: Ints
) -> None:
    """Go along rows, eight voxels at once where all of them are as the one before."""
    full, empty = np.uint64(_ONES * on), np.uint64(_ONES * (1 - on))
    for r in prange(rows.shape[0]):
        row, base = rows[r], r * rows.shape[1]
        at = first[r]
        before = False
        k = 0 if first[r + 1] > at else row.size
        while k < row.size:
            at_word = k % 8 == 0 and k // 8 < words.shape[1]
            if at_word and words[r, k // 8] == (full if before else empty):
                k += 8
                continue
            now = row[k] == on
            if now and not before:
                start[at] = base + k
            elif before and not now:
                end[at] = base + k
                at += 1
            before = now
            k += 1
        if before:
            end[at] = base + row.size


@compiled
def _first_after(end: Ints, low: int, high: int, place: int) -> int:
    """Give the first run of a row that ends after a place."""
    while low < high:
        middle = (low + high) // 2
        if end[middle] > place:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _follow(start: Ints, end: Ints, first: Ints, facts: Ints, joined: Ints) -> None:
    """Mark the run that holds a voxel and every run that is joined with it."""
    seed, n_rows, n_row = facts[0], facts[1], facts[2]
    row = seed // n_row
    stack = np.empty(start.size, np.int64)
    stack[0] = _first_after(end, first[row], first[row + 1], seed)
    joined[stack[0]] = 1
    top = 1
    while top > 0:
        top -= 1
        run = stack[top]
        row = start[run] // n_row
        for side in range(4):
            step = (1, -1, n_rows, -n_rows)[side]
            other = row + step
            inside = 0 <= other < first.size - 1
            if not inside or (side < 2 and other // n_rows != row // n_rows):
                continue
            shift = step * n_row
            at = _first_after(end, first[other], first[other + 1], start[run] + shift)
            while at < first[other + 1] and start[at] < end[run] + shift:
                if not joined[at]:
                    joined[at] = 1
                    stack[top] = at
                    top += 1
                at += 1
