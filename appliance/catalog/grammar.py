"""The one grammar, down to words; what a word means is said by who asks.

::

    filter      = alternative { blank alternative }     any of them
    alternative = term { "&" term }                     all of them
    term        = "!" term | "(" filter ")" | word

A parenthesis opens a group only at the start of a term; inside a word it is a character.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from appliance.catalog.nodes import And, Filter, Not, Or
from appliance.catalog.scanner import Scanner, Word, fail

__all__ = ["Raw", "RawAll", "RawAny", "RawNot", "any_of", "build", "parse_raw"]

_MAX_DEPTH = 40
_MAX_WORDS = 1000

Raw: TypeAlias = "Word | RawNot | RawAll | RawAny"


@dataclass(frozen=True, slots=True)
class RawNot:
    """The opposite of a term."""

    term: Raw


@dataclass(frozen=True, slots=True)
class RawAll:
    """Terms joined by ``&``."""

    terms: tuple[Raw, ...]


@dataclass(frozen=True, slots=True)
class RawAny:
    """A group of alternatives."""

    terms: tuple[Raw, ...]


def parse_raw(text: str, what: str) -> list[Raw]:
    """Parse a text into its alternatives; an empty text has none.

    Parameters
    ----------
    text : str
        As typed.
    what : str
        What it is, for messages.

    Raises
    ------
    Invalid
        With the fact ``position``, the index of the character that does not fit.
    """
    return _Parser(text, what).all()


def build(raw: Raw, leaf: Callable[[Word], Filter]) -> Filter:
    """Give the tree, with every word turned into a node by `leaf`."""
    if isinstance(raw, Word):
        return leaf(raw)
    if isinstance(raw, RawNot):
        return Not(build(raw.term, leaf))
    terms = tuple(build(term, leaf) for term in raw.terms)
    return And(terms) if isinstance(raw, RawAll) else any_of(terms)


def any_of(terms: Sequence[Filter]) -> Filter:
    """Join alternatives; one alone stays itself."""
    return terms[0] if len(terms) == 1 else Or(tuple(terms))


class _Parser(Scanner):
    """Recursive descent, as deep as groups are nested."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__(text, what)
        self.depth = 0
        self.n_words = 0

    def all(self) -> list[Raw]:
        found: list[Raw] = []
        self.blanks()
        while self.at < len(self.text) and not (self.depth and self.peek() == ")"):
            found.append(self._alternative())
        return found

    def _alternative(self) -> Raw:
        terms = [self._term()]
        self._after_term()
        while self.peek() == "&":
            self.at += 1
            self.blanks()
            terms.append(self._term())
            self._after_term()
        return terms[0] if len(terms) == 1 else RawAll(tuple(terms))

    def _after_term(self) -> None:
        start = self.at
        self.blanks()
        if self.at == start and self.peek() not in ("", "&", ")"):
            fail(self.what, "a blank or & is missing here", self.at)

    def _term(self) -> Raw:
        negated = False
        while self.peek() == "!":
            negated = not negated
            self.at += 1
            self.blanks()
        term = self._group() if self.peek() == "(" else self._word()
        return RawNot(term) if negated else term

    def _group(self) -> Raw:
        start = self.at
        if self.depth == _MAX_DEPTH:
            fail(self.what, "groups are nested too deeply", start)
        self.at += 1
        self.depth += 1
        terms = self.all()
        self.depth -= 1
        if not self.peek():
            fail(self.what, "this parenthesis is never closed", start)
        if not terms:
            fail(self.what, "a pattern is missing here", self.at)
        self.at += 1
        return terms[0] if len(terms) == 1 else RawAny(tuple(terms))

    def _word(self) -> Word:
        word = self.word(in_group=self.depth > 0)
        if not word.text:
            fail(self.what, "a pattern is missing here", self.at)
        self.n_words += 1
        if self.n_words > _MAX_WORDS:
            fail(self.what, f"more than {_MAX_WORDS} words", word.at, "Use PIDLIST: or PSIDLIST:.")
        return word
