"""Patterns tried on templates: for all studies at once where possible, else id by id as arrays.

A pattern is a row of tokens; a state is a set of bits, bit `i` set when the first `i` tokens are
used up. The same step works on one state or on an array with one state for each study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.templates import PID, SID
from appliance.catalog.wildcards import fold, pieces, suffixes

__all__ = ["MOST_TOKENS", "Automaton", "Fit", "automata", "fit_of"]

MOST_TOKENS = 63
_ONE = np.uint64(1)


class Fit(Enum):
    """For which studies a template fits a pattern."""

    ALL = "all"
    NONE = "none"
    SOME = "some"


class Automaton:
    """One pattern, without its second ending.

    Attributes
    ----------
    masks : dict of str to int
        Tokens that take a character; what is not in it is taken by `any` only.
    """

    def __init__(self, pattern: str, ending: str, *, anchored: bool) -> None:
        tokens: list[str] = []
        self.loop = self.any = 0
        for kind, text in pieces(pattern):
            if kind == "*":
                self.loop |= 1 << len(tokens)
                continue
            self.any |= (1 << len(tokens)) if kind else 0
            tokens += [""] if kind else fold(text)
        tokens += ending
        if not anchored:
            self.loop |= 1 << len(tokens)
        self.n = len(tokens)
        self.end = 1 << self.n
        self.masks: dict[str, int] = {}
        for place, token in enumerate(tokens):
            if token:
                self.masks[token] = self.masks.get(token, self.any) | 1 << place

    def all_fit(self, template: str) -> bool:
        """Tell whether a folded template surely fits, whatever the ids are."""
        state = 1
        for sign in template:
            state = self._any_id(state) if sign in (PID, SID) else self._step(state, sign)
            if not state:
                return False
        return bool(state & self.end)

    def may_fit(self, template: str, alphabets: Mapping[str, int]) -> bool:
        """Tell whether a folded template may fit for some ids.

        Parameters
        ----------
        alphabets : mapping of str to int
            For `PID` and `SID` the tokens that take any of the characters of such ids.
        """
        state = 1
        for sign in template:
            mask = alphabets.get(sign)
            state = self._step(state, sign) if mask is None else self._reach(state, mask)
            if not state:
                return False
        return bool(state & self.end)

    def mask_of(self, signs: Sequence[str]) -> int:
        """Give the tokens that take any of some characters."""
        mask = self.any
        for sign in signs:
            mask |= self.masks.get(sign, 0)
        return mask

    def fit(
        self, template: str, n: int, ids: Mapping[str, Sequence[tuple[NDArray[Any], Any]]]
    ) -> NDArray[np.bool_]:
        """Tell for each of `n` rows whether a folded template fits.

        Parameters
        ----------
        ids : mapping
            For `PID` and `SID` the masks of each character with where there is one, or None.
        """
        state = np.ones(n, np.uint64)
        loop = np.uint64(self.loop)
        for sign in template:
            own = ((np.uint64(self.masks.get(sign, self.any)), None),)
            for mask, here in ids.get(sign, own):
                new = ((state & mask) << _ONE) | (state & loop)
                state = new if here is None else np.where(here, new, state)
            if not state.any():
                break
        found: NDArray[np.bool_] = (state & np.uint64(self.end)) != 0
        return found

    def _step(self, state: int, sign: str) -> int:
        return (state & self.masks.get(sign, self.any)) << 1 | (state & self.loop)

    def _any_id(self, state: int) -> int:
        """Give what is reached after an id of any length, of characters that no token names."""
        kept = state = (state & self.any) << 1 | (state & self.loop)
        for _ in range(self.n + 1):
            state, last = (state & self.any) << 1 | (state & self.loop), state
            kept &= state
            if state == last:
                break
        return kept

    def _reach(self, state: int, mask: int) -> int:
        mask &= self.end - 1
        while True:
            last, state = state, state | (state & mask) << 1
            if state == last:
                return state


@lru_cache(maxsize=512)
def automata(pattern: str, *, anchored: bool) -> tuple[Automaton, ...]:
    """Give what a pattern on paths means: one of these has to fit."""
    return tuple(
        Automaton(pattern, ending, anchored=anchored)
        for ending in suffixes(pattern, anchored=anchored)
    )


@lru_cache(maxsize=200_000)
def fit_of(pattern: str, template: str, *, anchored: bool) -> Fit:
    """Tell for which studies a folded template fits a pattern, as far as it alone tells."""
    found = automata(pattern, anchored=anchored)
    everything = {PID: -1, SID: -1}
    if not any(one.may_fit(template, everything) for one in found):
        return Fit.NONE
    return Fit.ALL if any(one.all_fit(template) for one in found) else Fit.SOME
