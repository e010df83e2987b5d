"""Pages found by the postings: which rows, in which order, and how many in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.cursors import Found, Order
from appliance.catalog.evaluate import (
    FileMask,
    View,
    file_mask,
    of_studies,
    study_mask,
    subject_mask,
)
from appliance.catalog.interned import Words
from appliance.catalog.nearest import top
from appliance.catalog.nodes import Filter
from appliance.catalog.postings import KINDS, UNKNOWN_KIND, Ids, Mask
from appliance.catalog.rows import FileQuery, StudyQuery, SubjectQuery
from appliance.core import Invalid

__all__ = ["find_files", "find_studies", "find_subjects"]


def find_studies(
    view: View, project_id: int, query: StudyQuery, trees: Sequence[Filter], order: Order
) -> Found:
    """Give one page of studies; all trees must hold."""
    studies, words = view.postings.studies, view.postings.words
    mask = _studies(view, project_id, query)
    for tree in trees:
        mask &= study_mask(view, tree)
    if query.subject_id is not None:
        mask &= studies.subject == query.subject_id
    ids = np.flatnonzero(mask)
    if order.name in ("created", "age"):
        return _page(_Numbers(getattr(studies, order.name)[ids]), ids, order)
    if order.name == "pid":
        codes = view.postings.subjects.pid[studies.subject[ids]]
    else:
        codes = getattr(studies, order.name)[ids]
    return _page(_Texts(words[order.name], codes), ids, order)


def find_subjects(
    view: View,
    project_id: int,
    query: SubjectQuery,
    *,
    name: Filter | None,
    trees: Sequence[Filter],
    order: Order,
) -> Found:
    """Give one page of subjects; `name` asks themselves, the rest must hold for one study."""
    postings = view.postings
    mask = postings.live_subjects(project_id)
    if name is not None:
        mask &= subject_mask(view, name)
    if trees or query.date_from or query.date_to:
        studies = _studies(view, project_id, query)
        for tree in trees:
            studies &= study_mask(view, tree)
        having = np.zeros(len(mask), np.bool_)
        having[postings.studies.subject[studies]] = True
        mask &= having
    ids = np.flatnonzero(mask)
    if order.name == "created":
        return _page(_Numbers(postings.subjects.created[ids]), ids, order)
    return _page(_Texts(postings.words["pid"], postings.subjects.pid[ids]), ids, order)


def find_files(
    view: View, project_id: int, query: FileQuery, tree: Filter | None, order: Order
) -> Found | None:
    """Give one page of files; None when only SQL can tell."""
    postings = view.postings
    mask = of_studies(postings, _studies(view, project_id, query))
    if tree is not None:
        found = file_mask(view, tree)
        mask = FileMask(mask.base & found.base, mask.overlay & found.overlay)
    if query.kind is not None:
        if query.kind not in KINDS:
            return None
        code = KINDS.index(query.kind)
        base, overlay = postings.base.rows.kind == code, postings.overlay.kind == code
        mask = FileMask(mask.base & base, mask.overlay & overlay)
    if order.name == "path":
        return _page_by_path(view, mask, order)
    return _page_of_rows(view, mask, order)


class _Numbers:
    """Sort keys that are numbers."""

    def __init__(self, keys: NDArray[Any]) -> None:
        self.keys = keys

    def key_of(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Invalid("the page cursor is damaged", hint="Start again from the first page.")
        return value

    def value(self, place: int) -> float:
        value: int | float = self.keys[place].item()
        return value


class _Texts:
    """Sort keys that are texts, by their ranks."""

    def __init__(self, words: Words, codes: Ids) -> None:
        self._words = words
        self._codes = codes
        self.keys = words.ranks()[codes]

    def key_of(self, value: Any) -> int:
        return self._words.rank_of(str(value))

    def value(self, place: int) -> str:
        return self._words.values[int(self._codes[place])]


def _page(column: _Numbers | _Texts, ids: NDArray[Any], order: Order) -> Found:
    after = (column.key_of(order.after[0]), order.after[1]) if order.after else None
    places = top(column.keys, ids, order.n + 1, descending=order.descending, after=after)
    kept = places[: order.n]
    more = len(places) > len(kept)
    cursor = Order.cursor(column.value(kept[-1]), int(ids[kept[-1]])) if more else None
    return Found(ids[kept].tolist(), cursor, len(ids))


def _studies(view: View, project_id: int, query: StudyQuery | SubjectQuery | FileQuery) -> Mask:
    """Give the studies of a project between the dates of a query."""
    postings = view.postings
    mask = postings.live_studies(project_id)
    mask &= _between(postings.words["date"], postings.studies.date, query.date_from, query.date_to)
    return mask


def _between(words: Words, codes: Ids, first: str | None, last: str | None) -> Mask | np.bool_:
    """Tell which dates lie in a range; a study without a date lies in none."""
    if not first and not last:
        return np.bool_(True)
    ranks = words.ranks()[codes]
    found: Mask = codes != words.code("")
    if first:
        found &= ranks >= words.rank_of(first)
    if last:
        found &= ranks <= words.rank_of(last)
    return found


def _page_of_rows(view: View, mask: FileMask, order: Order) -> Found | None:
    files = _column(view, mask, "file")
    if order.name != "kind":
        keys = _column(view, mask, "size_bytes" if order.name == "size" else "mtime_ns")
        return _page(_Numbers(keys), files, order)
    kinds = _column(view, mask, "kind")
    if (kinds == UNKNOWN_KIND).any():
        return None
    return _page(_Texts(Words(KINDS), kinds.astype(np.int32)), files, order)


def _column(view: View, mask: FileMask, name: str) -> NDArray[Any]:
    """Give one column of the rows that a mask holds."""
    base, overlay = (
        getattr(rows, name) for rows in (view.postings.base.rows, view.postings.overlay)
    )
    return np.concatenate([base[mask.base], overlay[mask.overlay]])


def _page_by_path(view: View, mask: FileMask, order: Order) -> Found | None:
    """Take the first rows of the base, which lie in this order, and those of the overlay."""
    base, overlay = view.postings.base, view.postings.overlay
    ranks = view.paths.ranks(view.con)
    if base.path_ids.max(initial=0) >= len(ranks):
        return None  # the view of the database is older than the base
    after = None
    if order.after is not None:
        after = _rank_of(view, str(order.after[0]), ranks), order.after[1]
    base_ranks = ranks[base.path_ids] * 2 + 1
    begin, end = 0, len(mask.base)
    if after is not None:  # rows of the same path as the cursor's are sorted out below
        side = np.searchsorted(base_ranks, after[0], "right" if order.descending else "left")
        begin, end = (0, base.ends[side]) if order.descending else (base.ends[side], end)
    near = _some(
        mask.base[begin:end], order.n + 1 + _ties(base.ends, base_ranks, after), order.descending
    )
    near += begin
    paths = base.path_ids[np.searchsorted(base.ends, near, "right") - 1]
    more = np.flatnonzero(mask.overlay)
    more = more[overlay.path[more] < len(ranks)]  # newer ones do not exist in this view
    path_ids = np.concatenate([paths, overlay.path[more]])
    files = np.concatenate([base.rows.file[near], overlay.file[more]])
    keys = ranks[path_ids] * 2 + 1
    places = top(keys, files, order.n + 1, descending=order.descending, after=after)
    kept = places[: order.n]
    total = int(np.count_nonzero(mask.base)) + len(more)
    cursor = None
    if len(places) > len(kept):
        cursor = Order.cursor(_path(view, int(path_ids[kept[-1]])), int(files[kept[-1]]))
    return Found(files[kept].tolist(), cursor, total)


def _ties(ends: NDArray[np.int64], ranks: NDArray[np.int64], after: tuple[int, int] | None) -> int:
    """Count the rows of the cursor's own path: some of them lie before it."""
    if after is None:
        return 0
    place = int(np.searchsorted(ranks, after[0]))
    same = place < len(ranks) and ranks[place] == after[0]
    return int(ends[place + 1] - ends[place]) if same else 0


def _some(mask: Mask, n: int, last: bool) -> NDArray[np.int64]:
    """Give the first (or last) `n` places where a mask holds; look no further."""
    step = max(4096, 4 * n)
    low, high = (max(0, len(mask) - step), len(mask)) if last else (0, step)
    while True:
        found = np.flatnonzero(mask[low:high]) + low
        if len(found) >= n or (low == 0 and high >= len(mask)):
            return found[-n:] if last else found[:n]
        step *= 4
        low, high = (max(0, len(mask) - step), high) if last else (0, step)


def _rank_of(view: View, path: str, ranks: NDArray[np.int64]) -> int:
    """Give the place of a path among the ranks: even when it lies between two of them."""
    row = view.con.execute(
        "SELECT id, path FROM paths WHERE path >= ? ORDER BY path LIMIT 1", (path,)
    ).fetchone()
    if row is None:
        return 2 * len(ranks)
    return int(ranks[row[0]]) * 2 + (1 if row[1] == path else 0)


def _path(view: View, path_id: int) -> str:
    found = view.con.execute("SELECT path FROM paths WHERE id = ?", (path_id,)).fetchone()
    return str(found[0])
