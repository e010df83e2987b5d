"""Which paths fit a pattern, remembered: paths are only added, so only new ones are looked at."""

from __future__ import annotations

import sqlite3
import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.posting_reads import path_ids, path_ranks, templates_after
from appliance.catalog.postings import Ids, Postings
from appliance.catalog.template_match import Fit, fit_of
from appliance.catalog.template_rows import OpenRows, open_rows

__all__ = ["Fitting", "PathCache"]

_KEPT = 256
_KEPT_OPEN = 32
_Asked = tuple[str, bool]


class Fitting(NamedTuple):
    """Paths that fit a pattern, as far as a view of the catalog knows them.

    Attributes
    ----------
    ids : Ids
        Paths that fit in every study.
    open : dict of int to str
        Templates that fit in some studies, folded.
    upto : int
        The newest path that was looked at.
    """

    ids: Ids
    open: dict[int, str]
    upto: int


class PathCache:
    """Paths by pattern, and their order, as far as a view of the catalog knows them."""

    def __init__(self) -> None:
        self._found: dict[_Asked, Fitting] = {}
        self._open: dict[_Asked, OpenRows] = {}
        self._templates: tuple[int, dict[int, str]] = (0, {})
        self._ranks: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, np.int64))
        self._age = 0
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget all: paths were changed or dropped."""
        with self._lock:
            self._age += 1
            self._found.clear()
            self._open.clear()
            self._templates = (0, {})
            self._ranks = (-1, self._ranks[1])

    def find(self, con: sqlite3.Connection, pattern: str, *, anchored: bool) -> Fitting:
        """Give the paths that fit a pattern."""
        newest = _newest(con)
        with self._lock:
            age = self._age
            none = Fitting(np.zeros(0, np.int32), {}, 0)
            found = self._found.pop((pattern, anchored), none)
        if found.upto < newest:
            found = self._with_newer(con, pattern, anchored=anchored, found=found, newest=newest)
        with self._lock:
            if age == self._age:
                self._found[pattern, anchored] = found
                if len(self._found) > _KEPT:
                    del self._found[next(iter(self._found))]
        return found

    def rows(
        self, postings: Postings, pattern: str, *, anchored: bool, fitting: Fitting
    ) -> OpenRows:
        """Give the rows with an open template that fits in their study."""
        with self._lock:
            age = self._age
            known = self._open.pop((pattern, anchored), None)
        found = open_rows(postings, pattern, fitting.open, anchored=anchored, known=known)
        with self._lock:
            if age == self._age and fitting.upto >= found.last_path:
                self._open[pattern, anchored] = found
                if len(self._open) > _KEPT_OPEN:
                    del self._open[next(iter(self._open))]
        return found

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

    def _with_newer(
        self,
        con: sqlite3.Connection,
        pattern: str,
        *,
        anchored: bool,
        found: Fitting,
        newest: int,
    ) -> Fitting:
        ids = path_ids(con, pattern, anchored=anchored, after=found.upto)
        newer = self._newer_templates(con, found.upto, newest)
        if not newer:
            return Fitting(np.concatenate([found.ids, ids]), found.open, newest)
        fits = {i: fit_of(pattern, text, anchored=anchored) for i, text in newer.items()}
        ids = ids[~np.isin(ids, np.fromiter(newer, np.int32, len(newer)))]
        sure = np.array([i for i, fit in fits.items() if fit is Fit.ALL], np.int32)
        some = {i: newer[i] for i, fit in fits.items() if fit is Fit.SOME}
        return Fitting(np.concatenate([found.ids, ids, sure]), {**found.open, **some}, newest)

    def _newer_templates(self, con: sqlite3.Connection, after: int, newest: int) -> dict[int, str]:
        with self._lock:
            age, (upto, known) = self._age, self._templates
        if upto < newest:
            known = {**known, **templates_after(con, upto)}
            with self._lock:
                if age == self._age:
                    self._templates = (newest, known)
        return {i: text for i, text in known.items() if after < i <= newest}


def _newest(con: sqlite3.Connection) -> int:
    return int(con.execute("SELECT ifnull(max(id), 0) FROM paths").fetchone()[0])
