"""Rows of the postings whose path is a template that fits a pattern in some studies only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.interned import Letters, Words
from appliance.catalog.postings import Base, FileRows, Ids, Mask, Postings
from appliance.catalog.template_match import MOST_TOKENS, Automaton, automata
from appliance.catalog.templates import PID, SID
from appliance.catalog.wildcards import fold, matcher

__all__ = ["OpenRows", "open_rows"]

_FEW = 100  # rows of one template, which are as fast one by one


class OpenRows(NamedTuple):
    """Rows that fit.

    Attributes
    ----------
    base, overlay
        What was looked at.
    places : NDArray[np.int32]
        Rows of the base, ascending within each path. Those of dirty studies mean nothing.
    mask : Mask
        Which rows of the overlay fit.
    last_path : int
        The newest path that any of the rows has.
    """

    base: Base
    overlay: FileRows
    places: Ids
    mask: Mask
    last_path: int


def open_rows(
    postings: Postings,
    pattern: str,
    templates: Mapping[int, str],
    *,
    anchored: bool,
    known: OpenRows | None = None,
) -> OpenRows:
    """Try a pattern on all rows with some templates; `known` is the answer for another state.

    Notes
    -----
    A study whose ids have changed is dirty, so what was found in a base stays true as long as the
    base does.
    """
    base, overlay = postings.base, postings.overlay
    last = int(max(base.path_ids.max(initial=0), overlay.path.max(initial=0)))
    asked = _Asked(postings, pattern, anchored=anchored)
    if known is not None and known.base is base:
        places = known.places
    else:
        places = _base_places(asked, base, templates)
    if known is not None and known.overlay is overlay:
        return OpenRows(base, overlay, places, known.mask, last)
    return OpenRows(base, overlay, places, _overlay_mask(asked, overlay, templates), last)


def _base_places(asked: _Asked, base: Base, templates: Mapping[int, str]) -> Ids:
    found = [np.zeros(0, np.int32)]
    for path_id, text in templates.items():
        place = base.position[path_id] if path_id < len(base.position) else -1
        if place >= 0 and asked.may_fit(text):
            begin, end = base.ends[place], base.ends[place + 1]
            fits = asked.fit(text, base.rows.study[begin:end])
            found.append((np.flatnonzero(fits) + begin).astype(np.int32))
    return np.concatenate(found)


def _overlay_mask(asked: _Asked, overlay: FileRows, templates: Mapping[int, str]) -> Mask:
    mask = np.zeros(len(overlay), np.bool_)
    wanted = np.fromiter(templates, np.int32, len(templates))
    rows = np.flatnonzero(np.isin(overlay.path, wanted))
    for path_id, some in _groups(overlay.path[rows], rows):
        if asked.may_fit(templates[path_id]):
            mask[some] = asked.fit(templates[path_id], overlay.study[some])
    return mask


def _groups(keys: Ids, rows: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    for chosen in np.split(order, first[1:]) if len(order) else ():
        yield int(keys[chosen[0]]), rows[chosen]


class _Asked:
    """A pattern, with the ids that the studies of one state have."""

    def __init__(self, postings: Postings, pattern: str, *, anchored: bool) -> None:
        self._words = {PID: postings.words["pid"], SID: postings.words["sid"]}
        self._subjects, self._studies = postings.subjects.pid, postings.studies
        self._automata = automata(pattern, anchored=anchored)
        self._is_long = any(one.n > MOST_TOKENS for one in self._automata)
        self._match = matcher(pattern, anchored=anchored).match
        self._prepared: list[_Prepared] | None = None

    def may_fit(self, template: str) -> bool:
        """Tell whether the pattern may fit a template, with ids of the characters there are."""
        return self._is_long or any(one.may_fit(template) for one in self._ready())

    def fit(self, template: str, studies: Ids) -> Mask:
        """Tell for each of some studies whether the pattern fits a template in it."""
        codes = {
            PID: self._subjects[self._studies.subject[studies]],
            SID: self._studies.sid[studies],
        }
        if len(studies) < _FEW or self._is_long:
            return self._one_by_one(template, codes)
        found = np.zeros(len(studies), np.bool_)
        for one in self._ready():
            found |= one.fit(template, codes)
        return found

    def _one_by_one(self, template: str, codes: Mapping[str, Ids]) -> Mask:
        pids, sids = self._words[PID].values, self._words[SID].values
        texts = (
            template.replace(PID, fold(pids[pid])).replace(SID, fold(sids[sid]))
            for pid, sid in zip(codes[PID].tolist(), codes[SID].tolist(), strict=True)
        )
        return np.array([self._match(text) is not None for text in texts], np.bool_)

    def _ready(self) -> list[_Prepared]:
        if self._prepared is None:
            self._prepared = [_Prepared(one, self._words) for one in self._automata]
        return self._prepared


class _Prepared:
    """An automaton, with what it takes of each character of each id."""

    def __init__(self, automaton: Automaton, words: Mapping[str, Words]) -> None:
        self._automaton = automaton
        self._letters = {sign: one.letters() for sign, one in words.items()}
        self._alphabets = {
            sign: automaton.mask_of(letters.alphabet[1:]) for sign, letters in self._letters.items()
        }
        self._masks = {sign: _masks(automaton, one) for sign, one in self._letters.items()}

    def may_fit(self, template: str) -> bool:
        return self._automaton.may_fit(template, self._alphabets)

    def fit(self, template: str, codes: Mapping[str, Ids]) -> Mask:
        ids = {sign: list(self._columns(sign, codes[sign])) for sign in codes if sign in template}
        return self._automaton.fit(template, len(codes[PID]), ids)

    def _columns(self, sign: str, codes: Ids) -> Iterator[tuple[NDArray[np.uint64], Mask | None]]:
        for masks, places in zip(self._masks[sign], self._letters[sign].places, strict=True):
            here = places[codes] != 0
            yield masks[codes], None if here.all() else here


def _masks(automaton: Automaton, letters: Letters) -> NDArray[np.uint64]:
    """Look every character up."""
    table = [automaton.masks.get(sign, automaton.any) for sign in letters.alphabet]
    found: NDArray[np.uint64] = np.array(table, np.uint64)[letters.places]
    return found
