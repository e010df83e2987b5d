"""Keeps the postings in step with the catalog: loads them, then follows every committed change."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.path_cache import PathCache
from appliance.catalog.posting_reads import (
    path_ranks,
    read_all_files,
    read_files_of,
    read_tagged,
)
from appliance.catalog.posting_tables import (
    new_words,
    no_studies,
    no_subjects,
    with_facts,
    with_studies,
    with_subjects,
)
from appliance.catalog.postings import Base, FileRows, Ids, Postings
from appliance.catalog.touched import TagChange, Touched

if TYPE_CHECKING:
    from appliance.catalog.store import Reader

__all__ = ["Keeper"]

_LOG = logging.getLogger(__name__)
_REST_S = 0.02  # between two rounds while nobody waits: changes gather, and one round does them
_PATIENCE_S = 1.0
_MOST_OVERLAY = 40_000  # rows outside the base before it is made anew
_MOST_STUDIES = 5_000  # touched by one round: then reading all is faster


class Keeper:
    """Holds the newest `Postings` and a thread that makes newer ones.

    Parameters
    ----------
    read : callable
        Opens a read view of the catalog on the calling thread.
    rest_s : float
        How long changes gather while nobody waits for them.

    Attributes
    ----------
    paths : PathCache
        Paths by pattern, for whoever evaluates filters.
    """

    def __init__(
        self, read: Callable[[], AbstractContextManager[Reader]], *, rest_s: float = _REST_S
    ) -> None:
        self.paths = PathCache()
        self._read = read
        self._rest_s = rest_s
        self._state: Postings | None = None
        self._words = new_words()
        self._heard: list[Touched] = []
        self._n_heard = 0
        self._n_done = -1
        self._waiting = 0
        self._stale = True
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name="catalog-postings", daemon=True)

    def start(self) -> None:
        """Begin to load; the writer's changes must be heard from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; `state` gives None from now on."""
        with self._changed:
            self._ended = True
            self._state = None
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def hear(self, touched: Touched) -> None:
        """Take in what a commit touched; called on the writer's thread right after it."""
        with self._changed:
            self._heard.append(touched)
            self._n_heard += 1
            self._changed.notify_all()

    def forget(self) -> None:
        """Load all again: another process has written, and nobody knows what."""
        with self._changed:
            self._stale = True
            self._state = None
            self._changed.notify_all()

    def state(self, patience_s: float = _PATIENCE_S) -> Postings | None:
        """Give a state that holds every change committed before this call.

        Returns
        -------
        Postings or None
            None while they are being loaded, or when they do not come in time.
        """
        with self._changed:
            wanted = self._n_heard
            if self._n_done >= wanted or self._state is None:
                return self._state
            self._waiting += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(
                    lambda: self._n_done >= wanted or self._state is None, patience_s
                )
                return self._state if self._n_done >= wanted else None
            finally:
                self._waiting -= 1

    def wait_loaded(self, timeout_s: float) -> bool:
        """Wait until the postings answer; for tests and benches."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state is not None, timeout_s)

    def _loop(self) -> None:
        while self._wait_for_work():
            try:
                self._round()
            except Exception:  # noqa: BLE001 - an outer loop: SQL answers until all is read again
                if self._ended:
                    return
                _LOG.exception("the postings could not be brought up to date")
                self.forget()
                time.sleep(1.0)

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._stale or self._heard)
            self._changed.wait_for(
                lambda: self._ended or self._stale or self._waiting, self._rest_s
            )
            return not self._ended

    def _round(self) -> None:
        with self._changed:
            heard, self._heard = self._heard, []
            done, stale = self._n_heard, self._stale
            state, self._stale = self._state, False
        touched = _joined(heard)
        with self._read() as con:
            if stale or state is None or _too_much(touched):
                state = self._load(con)
            else:
                state = self._follow(con, state, touched)
            if len(state.overlay) > _MOST_OVERLAY:
                state = _merged(state, path_ranks(con))
        with self._changed:
            if not self._stale and not self._ended:
                self._state, self._n_done = state, done
            self._changed.notify_all()

    def _load(self, con: Reader) -> Postings:
        begin = time.perf_counter()
        self.paths.clear()
        self._words = words = new_words()
        rows = read_all_files(con)
        state = Postings(
            base=Base.build(rows, path_ranks(con)),
            overlay=FileRows.none(),
            dirty=np.zeros(0, np.int32),
            studies=with_facts(with_studies(no_studies(), con, words), rows),
            subjects=with_subjects(no_subjects(), con, words),
            words=words,
            tags={level: read_tagged(con, level) for level in ("subject", "study", "file")},
            tag_names=dict(con.execute("SELECT id, name FROM tags").fetchall()),
        )
        _LOG.info("postings of %d files in %.1f s", len(rows), time.perf_counter() - begin)
        return state

    def _follow(self, con: Reader, state: Postings, touched: Touched) -> Postings:
        ids = {kind: {i for k, i in touched.rows if k == kind} for kind, _ in touched.rows}
        if touched.tags or "tag" in ids:
            names = dict(con.execute("SELECT id, name FROM tags").fetchall())
            state = replace(state, tag_names=names, tags=_tagged(state, touched.tags))
        if ids.keys() & {"study", "files", "subject"}:
            files = ids.get("files", set())
            state, renamed = self._follow_studies(
                con, state, ids.get("study", set()) | files, ids.get("subject", set())
            )
            files |= renamed
            if files:
                state = _with_files(con, state, np.array(sorted(files), np.int32))
        return state

    def _follow_studies(
        self, con: Reader, state: Postings, ids: set[int], subject_ids: set[int]
    ) -> tuple[Postings, set[int]]:
        """Read studies again, and their subjects: this view may be newer than what was heard.

        Also gives the studies whose ids have changed: what their paths mean has changed with them.
        """
        renamed: set[int] = set()
        while ids or subject_ids:
            studies = with_studies(state.studies, con, self._words, ids)
            some = {int(studies.subject[i]) for i in ids if i < len(studies)}
            subjects = with_subjects(state.subjects, con, self._words, some | subject_ids)
            before, state = state, replace(state, studies=studies, subjects=subjects)
            ids, subject_ids = _renamed(before, state) - renamed, set()
            renamed |= ids
        return state, renamed


def _renamed(before: Postings, now: Postings) -> set[int]:
    """Give the studies of the state before that have another name now."""
    n = len(before.studies)
    sids = before.studies.sid != now.studies.sid[:n]
    pids = (state.subjects.pid[state.studies.subject[:n]] for state in (before, now))
    found = np.flatnonzero(sids | np.not_equal(*pids))
    return set(found.tolist())


def _with_files(con: Reader, state: Postings, ids: Ids) -> Postings:
    rows = read_files_of(con, ids.tolist())
    studies = with_facts(state.studies, rows, ids)
    known = ids[ids < len(studies)]  # the others came and went: nothing holds them
    rest = state.overlay.take(~np.isin(state.overlay.study, known))
    dirty = np.union1d(state.dirty, known)
    return replace(state, overlay=rest.plus(rows), dirty=dirty, studies=studies)


def _merged(state: Postings, ranks: NDArray[np.int64]) -> Postings:
    """Make the base anew, with the overlay in it; no file is read for it."""
    clean = np.ones(len(state.studies), np.bool_)
    clean[state.dirty] = False
    old = replace(state.base.rows, path=state.base.path_column())
    rows = old.take(clean[old.study]).plus(state.overlay)
    return replace(
        state,
        base=Base.build(rows, ranks),
        overlay=FileRows.none(),
        dirty=np.zeros(0, np.int32),
    )


def _tagged(state: Postings, changes: Iterable[TagChange]) -> dict[str, dict[int, Ids]]:
    """Apply changes of tags in their order: the last word on a tag and its bearer holds."""
    last: dict[tuple[str, int], dict[int, bool]] = {}
    for change in changes:
        last.setdefault((change.level, change.tag_id), {})[change.x_id] = change.present
    found = {level: dict(tags) for level, tags in state.tags.items()}
    for (level, tag_id), bearers in last.items():
        old = found[level].get(tag_id, np.zeros(0, np.int32))
        touched = np.fromiter(bearers, np.int32, len(bearers))
        present = np.fromiter(bearers.values(), np.bool_, len(bearers))
        kept = np.setdiff1d(old, touched, assume_unique=True)
        found[level][tag_id] = np.union1d(kept, touched[present]).astype(np.int32)
    return found


def _joined(heard: list[Touched]) -> Touched:
    rows: set[tuple[str, int]] = set()
    tags: list[TagChange] = []
    for touched in heard:
        rows |= touched.rows
        tags += touched.tags
    return Touched(rows, tags)


def _too_much(touched: Touched) -> bool:
    """Tell whether reading all is simpler: many rows, or names that were changed or dropped."""
    if ("paths", 0) in touched.rows:
        return True
    return sum(kind in ("files", "study") for kind, _ in touched.rows) > _MOST_STUDIES
