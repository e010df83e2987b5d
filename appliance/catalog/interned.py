"""Texts kept once each: their codes for arrays, their order, and which of them fit a pattern."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.wildcards import fold, matcher

__all__ = ["Letters", "Words"]

_KEPT_PATTERNS = 128


class Letters(NamedTuple):
    """The characters of some texts as an array.

    Attributes
    ----------
    places : NDArray[np.uint32]
        First characters of all texts, second ones and so on, by their place in `alphabet`;
        0 after the end of a text.
    alphabet : str
    """

    places: NDArray[np.uint32]
    alphabet: str

    def plus(self, texts: Sequence[str]) -> Letters:
        """Give these texts and others after them."""
        width = max(1, len(self.places), *map(len, texts))
        codes = np.array(texts, f"U{width}").view(np.uint32).reshape(len(texts), width)
        present, inverse = np.unique(codes, return_inverse=True)
        signs = [chr(code) for code in present.tolist()]
        alphabet = self.alphabet + "".join(set(signs) - set(self.alphabet))
        table = np.array([alphabet.index(sign) for sign in signs], np.uint32)
        old = np.pad(self.places, ((0, width - len(self.places)), (0, 0)))
        new = table[inverse.reshape(codes.shape)].T
        return Letters(np.ascontiguousarray(np.concatenate([old, new], axis=1)), alphabet)


class Words:
    """Texts by code, only ever appended: one thread adds, all others read.

    Attributes
    ----------
    values : list of str
        The text of each code.
    """

    def __init__(self, values: Sequence[str] = ()) -> None:
        self.values: list[str] = []
        self._codes: dict[str, int] = {}
        self._order: tuple[list[str], NDArray[np.int64]] = ([], np.zeros(0, np.int64))
        self._fits: dict[tuple[str, bool], NDArray[np.bool_]] = {}
        self._letters = Letters(np.zeros((0, 0), np.uint32), "\0")
        self._lock = threading.Lock()
        for value in values:
            self.code(value)

    def code(self, text: str) -> int:
        """Give the code of a text, new when the text is."""
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self.values)
            self.values.append(text)
        return code

    def find(self, text: str) -> int | None:
        """Give the code of a text if it has one."""
        return self._codes.get(text)

    def ranks(self) -> NDArray[np.int64]:
        """Give the place of each code in the order of the texts: odd numbers."""
        return self._ordered()[1]

    def rank_of(self, text: str) -> int:
        """Give the place of any text among the ranks: even when it lies between two of them."""
        ordered = self._ordered()[0]
        at = bisect_left(ordered, text)
        return 2 * at + (1 if at < len(ordered) and ordered[at] == text else 0)

    def fitting(self, pattern: str, *, anchored: bool = False) -> NDArray[np.bool_]:
        """Tell for each code whether its text fits a pattern, as `matcher` does."""
        with self._lock:
            known = self._fits.pop((pattern, anchored), np.zeros(0, np.bool_))
            end = len(self.values)
            if len(known) < end:
                match = matcher(pattern, anchored=anchored, path=False).match
                new = [match(fold(text)) is not None for text in self.values[len(known) : end]]
                known = np.concatenate([known, np.array(new, np.bool_)])
            self._fits[pattern, anchored] = known
            if len(self._fits) > _KEPT_PATTERNS:
                del self._fits[next(iter(self._fits))]
        return known

    def letters(self) -> Letters:
        """Give the characters of the folded texts, for patterns tried on all of them at once."""
        with self._lock:
            n_known = self._letters.places.shape[1]
            if n_known < len(self.values):
                new = [fold(text) for text in self.values[n_known:]]
                self._letters = self._letters.plus(new)
            return self._letters

    def _ordered(self) -> tuple[list[str], NDArray[np.int64]]:
        with self._lock:
            if len(self._order[1]) != len(self.values):
                ordered = sorted(self.values[:])
                codes = [self._codes[text] for text in ordered]
                ranks = np.empty(len(codes), np.int64)
                ranks[codes] = np.arange(len(codes)) * 2 + 1
                self._order = (ordered, ranks)
            return self._order
