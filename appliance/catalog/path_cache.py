"""Which paths fit a pattern, remembered: paths are only added, so only new ones are looked at."""

from __future__ import annotations

import sqlite3
import threading

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.posting_reads import path_ids, path_ranks
from appliance.catalog.postings import Ids

__all__ = ["PathCache"]

_KEPT = 256


class PathCache:
    """Paths by pattern, and their order, as far as a view of the catalog knows them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, bool], tuple[int, Ids]] = {}
        self._ranks: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, np.int64))
        self._age = 0
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget all: paths were changed or dropped."""
        with self._lock:
            self._age += 1
            self._found.clear()
            self._ranks = (-1, self._ranks[1])

    def find(self, con: sqlite3.Connection, pattern: str, *, anchored: bool) -> Ids:
        """Give the ids of the paths that fit a pattern."""
        newest = _newest(con)
        with self._lock:
            age = self._age
            upto, ids = self._found.pop((pattern, anchored), (0, np.zeros(0, np.int32)))
        if upto < newest:
            ids = np.concatenate([ids, path_ids(con, pattern, anchored=anchored, after=upto)])
        with self._lock:
            if age == self._age:
                self._found[pattern, anchored] = (max(upto, newest), ids)
                if len(self._found) > _KEPT:
                    del self._found[next(iter(self._found))]
        return ids

    def ranks(self, con: sqlite3.Connection) -> NDArray[np.int64]:
        """Give for each path id its place in the order of the texts, -1 for none."""
        newest = _newest(con)
        with self._lock:
            age, (upto, ranks) = self._age, self._ranks
        if upto >= newest:
            return ranks
        ranks = path_ranks(con)
        with self._lock:
            if age == self._age:
                self._ranks = (newest, ranks)
        return ranks


def _newest(con: sqlite3.Connection) -> int:
    return int(con.execute("SELECT ifnull(max(id), 0) FROM paths").fetchone()[0])
