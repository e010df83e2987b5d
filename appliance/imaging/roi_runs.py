"""Runs of voxels along the rows of a mask of bits: found, united with those they touch, painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.imaging.compiled import compiled
from appliance.imaging.roi_bits import Words, first_bit, number_of

__all__ = ["Columns", "Ints", "Runs", "paint", "runs_of", "united"]

Ints = NDArray[np.int64]
Columns = NDArray[np.int32]

_ONE, _LAST = np.uint64(1), np.uint64(63)


@dataclass(frozen=True)
class Runs:
    """Voxels `start` to before `end` of their row; runs ``first[row]`` to ``first[row + 1]``."""

    start: Columns
    end: Columns
    first: Ints


def runs_of(words: Words) -> Runs:
    """Find the runs of voxels that are on."""
    rows = words.reshape(-1, words.shape[2])
    first = np.zeros(len(rows) + 1, np.int64)
    _count(rows, first)
    np.cumsum(first, out=first)
    start, end = np.empty(first[-1], np.int32), np.empty(first[-1], np.int32)
    _find(rows, first, start, end)
    return Runs(start, end, first)


def united(runs: Runs, n_rows: int) -> Ints:
    """Give the first run of the part that each run belongs to."""
    parent = np.arange(runs.start.size)
    _unite_rows(runs.start, runs.end, runs.first, parent, n_rows)
    return parent


def paint(words: Words, runs: Runs, part: Ints, keep: NDArray[np.bool_]) -> None:
    """Switch on the runs whose part is kept."""
    rows = words.reshape(-1, words.shape[2])
    _paint(rows, runs.start, runs.end, runs.first, part, keep)


@compiled
def _count(rows: Words, first: Ints) -> None:
    for r in range(rows.shape[0]):
        before = np.uint64(0)
        n = 0
        for w in range(rows.shape[1]):
            here = rows[r, w]
            n += number_of(here & ~((here << _ONE) | before))
            before = here >> _LAST
        first[r + 1] = n


@compiled
def _find(rows: Words, first: Ints, start: Columns, end: Columns) -> None:
    n = rows.shape[1]
    for r in range(rows.shape[0]):
        a = b = first[r]
        before = np.uint64(0)
        for w in range(n):
            here = rows[r, w]
            after = rows[r, w + 1] << _LAST if w + 1 < n else np.uint64(0)
            begins = here & ~((here << _ONE) | before)
            ends = here & ~((here >> _ONE) | after)
            while begins:
                start[a] = 64 * w + first_bit(begins)
                a += 1
                begins &= begins - _ONE
            while ends:
                end[b] = 64 * w + first_bit(ends) + 1
                b += 1
                ends &= ends - _ONE
            before = here >> _LAST


@compiled
def _root(parent: Ints, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@compiled
def _unite(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    start: Columns, end: Columns, first: Ints, parent: Ints, row: int, other: int
) -> None:
    a, b = first[row], first[other]
    last_a, last_b = first[row + 1], first[other + 1]
    while a < last_a and b < last_b:
        end_a, end_b = end[a], end[b]
        if start[a] < end_b and start[b] < end_a and parent[a] != parent[b]:
            x, y = _root(parent, a), _root(parent, b)
            parent[max(x, y)] = min(x, y)
        if end_a < end_b:
            a += 1
        else:
            b += 1


@compiled
def _unite_rows(start: Columns, end: Columns, first: Ints, parent: Ints, n_rows: int) -> None:
    """Unite the runs of neighbouring rows, then let every run know the first of its part."""
    for row in range(first.size - 1):
        if row % n_rows:
            _unite(start, end, first, parent, row, row - 1)
        if row >= n_rows:
            _unite(start, end, first, parent, row, row - n_rows)
    for i in range(parent.size):
        parent[i] = parent[parent[i]]


@compiled
def _paint(  # noqa: PLR0917 - a compiled loop takes its state as arguments
    rows: Words,
    start: Columns,
    end: Columns,
    first: Ints,
    part: Ints,
    keep: NDArray[np.bool_],
) -> None:
    full = ~np.uint64(0)
    for r in range(rows.shape[0]):
        for run in range(first[r], first[r + 1]):
            if not keep[part[run]]:
                continue
            low, high = start[run], end[run]
            for w in range(low // 64, (high - 1) // 64 + 1):
                bits = full
                if low > 64 * w:
                    bits &= full << np.uint64(low - 64 * w)
                if high < 64 * w + 64:
                    bits &= full >> np.uint64(64 * w + 64 - high)
                rows[r, w] |= bits
