"""The one grammar of filter bars and file selectors, parsed into a tree with positions in errors.

Blank = or, ``&`` = and (binds tighter), ``!`` = not, ``*`` any run of characters, ``_`` exactly
one, ``"..."`` quotes, ``NAME:value`` asks an attribute (STAG, PTAG, FTAG, JOB, SDESC).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from appliance.core import Invalid

__all__ = ["And", "Attribute", "Filter", "Not", "Or", "Pattern", "like", "parse_filter"]

ATTRIBUTES = ("STAG", "PTAG", "FTAG", "JOB", "SDESC")
_BREAKS = frozenset(" \t&")


class Pattern(msgspec.Struct, frozen=True):
    """A pattern on the relative path, ``folder/name``."""

    text: str


class Attribute(msgspec.Struct, frozen=True):
    """A question to an attribute, such as ``STAG:control``."""

    name: str
    value: str


class Not(msgspec.Struct, frozen=True):
    """The opposite of a term."""

    term: Filter


class And(msgspec.Struct, frozen=True):
    """All terms hold."""

    terms: tuple[Filter, ...]


class Or(msgspec.Struct, frozen=True):
    """At least one term holds."""

    terms: tuple[Filter, ...]


Filter: TypeAlias = "Pattern | Attribute | Not | And | Or"


def parse_filter(text: str) -> Filter | None:
    """Parse the text of a filter bar.

    Parameters
    ----------
    text : str
        As typed.

    Returns
    -------
    Filter or None
        None when the text is empty: everything matches.

    Raises
    ------
    Invalid
        With the fact ``position``, the index of the character that does not fit.
    """
    return _Parser(text).parse()


def like(pattern: str, *, anchored: bool) -> str:
    r"""Turn a pattern into a LIKE argument on folded text, with ``\`` as escape.

    Parameters
    ----------
    pattern : str
        With ``*`` and ``_``.
    anchored : bool
        False adds the implicit wildcard at the end, as filter bars do.
    """
    text = pattern.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("*", "%")
    return text if anchored or text.endswith("%") else text + "%"


class _Parser:
    """Recursive descent over the characters of one filter."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def parse(self) -> Filter | None:
        self._blanks()
        if self.at == len(self.text):
            return None
        alternatives = [self._and()]
        while self.at < len(self.text):
            alternatives.append(self._and())
        return alternatives[0] if len(alternatives) == 1 else Or(tuple(alternatives))

    def _and(self) -> Filter:
        terms = [self._term()]
        self._blanks()
        while self._peek() == "&":
            self.at += 1
            self._blanks()
            terms.append(self._term())
            self._blanks()
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _term(self) -> Filter:
        if self._peek() == "!":
            self.at += 1
            self._blanks()
            return Not(self._term())
        if self._peek() in ("", "&"):
            self._fail("a pattern is missing here")
        return self._word()

    def _word(self) -> Filter:
        name = self._attribute_name()
        value = self._value()
        if name is None:
            return Pattern(value)
        if not value:
            self._fail(f"{name}: has no value")
        return Attribute(name, value)

    def _attribute_name(self) -> str | None:
        head, colon, _ = self.text[self.at :].partition(":")
        if not colon or head.upper() not in ATTRIBUTES:
            return None
        self.at += len(head) + 1
        return head.upper()

    def _value(self) -> str:
        if self._peek() == '"':
            return self._quoted()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _BREAKS:
            self.at += 1
        return self.text[start : self.at]

    def _quoted(self) -> str:
        end = self.text.find('"', self.at + 1)
        if end < 0:
            self._fail("this quote is never closed")
        value = self.text[self.at + 1 : end]
        self.at = end + 1
        return value

    def _blanks(self) -> None:
        while self._peek() in (" ", "\t"):
            self.at += 1

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _fail(self, message: str) -> None:
        raise Invalid(
            f"filter: {message} (character {self.at + 1})",
            hint='Blank means or, & means and, "..." quotes a pattern with blanks.',
            position=self.at,
        )
