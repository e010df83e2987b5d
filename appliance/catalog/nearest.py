"""The first rows of an order, out of millions, without sorting them all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["top"]

_IDS = 2**31  # more than any id
_FITS = 2**32 - 2  # so large may a key be for both to fit 64 bits


def top(
    keys: NDArray[Any],
    ids: NDArray[Any],
    n: int,
    *,
    descending: bool = False,
    after: tuple[Any, int] | None = None,
) -> NDArray[np.int64]:
    """Give the places of the first `n` rows by (key, id).

    Parameters
    ----------
    keys, ids : NDArray
        Numbers, one a row.
    after : (key, id), optional
        Only what comes after.

    Notes
    -----
    O(rows), and a sort of `n` of them.
    """
    if descending:  # the smallest of the negatives; no number here is the least of its type
        keys, ids = -keys, -ids
        after = (-after[0], -after[1]) if after else None
    places = None
    if after is not None:
        places = np.flatnonzero((keys > after[0]) | ((keys == after[0]) & (ids > after[1])))
        keys, ids = keys[places], ids[places]
    if len(keys) > n:
        nearest = _nearest(keys, ids, n)
        keys, ids = keys[nearest], ids[nearest]
        places = nearest if places is None else places[nearest]
    order = np.lexsort((ids, keys))
    return order if places is None else places[order]


def _nearest(keys: NDArray[Any], ids: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Give the places of the first `n` rows, in no order; `ids` part those of the last key."""
    low = keys.min()
    if keys.dtype.kind != "f" and keys.max() - low < _FITS:  # one number for both: none ties
        both = (keys.astype(np.int64) - int(low)) * _IDS + ids
        return np.flatnonzero(both <= np.partition(both, n - 1)[n - 1])
    last = np.partition(keys, n - 1)[n - 1]
    before, ties = np.flatnonzero(keys < last), np.flatnonzero(keys == last)
    wanted = n - len(before)
    if wanted < len(ties):
        limit = np.partition(ids[ties], wanted - 1)[wanted - 1]
        ties = ties[ids[ties] <= limit]
    return np.concatenate([before, ties])
