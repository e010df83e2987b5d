"""Selectors parsed: ``<studies> <files> ... [SORT|SORTASC|SORTDESC] [NTH(n)]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.catalog.grammar import Raw, RawAll, any_of, build, parse_raw
from appliance.catalog.nodes import Attribute, Filter
from appliance.catalog.scanner import Word
from appliance.catalog.sqlcondition import parse_condition
from appliance.catalog.terms import LISTS, file_term, prefix_of, subject_term
from appliance.core import Invalid

__all__ = ["Selection", "join_selector", "parse_selector", "parse_subjects", "quote_word"]

_EVERY_STUDY = Attribute("PID", "*", anchored=True)
_SORTS = {"SORT": "up", "SORTASC": "up", "SORTDESC": "down"}
_NTH = re.compile(r"NTH\((-?\d{1,6})\)")
_NTH_HINT = "NTH(1) is the first, NTH(-1) the last."
_NEEDS_QUOTES = re.compile(r"[\s&\"'()]|^!")
_SQL = re.compile(r"\s*SQL:(?=[^\"'])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Selection:
    """A selector as a tree.

    Attributes
    ----------
    studies : Filter or None
        Which studies are looked in; None for all.
    files : Filter or None
        Which of their files; None for all.
    sort : {"", "up", "down"}
        Order of the files within each study; by default as paths are spelled.
    nth : int or None
        Which file of each study is kept: 1 the first, -1 the last; None for all.
    """

    studies: Filter | None
    files: Filter | None
    sort: str = ""
    nth: int | None = None


def parse_selector(text: str, *, in_studies: bool = False) -> Selection:
    """Parse a selector.

    Parameters
    ----------
    text : str
        One word selects files of all studies (or, with ``#`` or a list, all files of studies).
        With more, the first selects studies and the others files; several are a union.
    in_studies : bool
        The studies are known already: all words select files, as in a FILE argument.

    Raises
    ------
    Invalid
        With the fact ``position``.
    Refused
        If it names a list in a file, which only the command line reads.
    """
    raws = parse_raw(text, "selector")
    words = [raw for raw in raws if _modifier(raw) is None]
    if not words:
        raise Invalid("the selector is empty", hint="Use '*' for all files.", position=0)
    sort, nth = _modifiers(raws)
    studies: Filter | None = None
    if not in_studies and _names_studies(words):
        studies, words = build(words[0], subject_term), words[1:]
        studies = None if studies == _EVERY_STUDY else studies
    files = any_of([build(raw, file_term) for raw in words]) if words else None
    return Selection(studies, files, sort, nth)


def parse_subjects(text: str) -> Filter | None:
    """Parse a subject selector; several words mean any of them, an empty text all.

    Raises
    ------
    Invalid
        With the fact ``position``.
    Refused
        If it names a list in a file.
    """
    sql = _SQL.match(text)
    if sql:
        return parse_condition(" " * sql.end() + text[sql.end() :])
    raws = parse_raw(text, "selector")
    return any_of([build(raw, subject_term) for raw in raws]) if raws else None


def quote_word(text: str) -> str:
    """Write a text so that the grammar reads it as one word, such as a name with blanks."""
    if not _NEEDS_QUOTES.search(text):
        return text
    head, colon, value = text.partition(":")
    if not (colon and head.isascii() and head.isalpha()):
        head, colon, value = "", "", text
    return head + colon + '"' + value.replace('"', '""') + '"'


def join_selector(words: Sequence[str]) -> str:
    """Join the words of a command line to one selector.

    The first of several is a subject selector and stays one word; the others may themselves
    hold several, as in ``'META/*.json SORTDESC NTH(1)'``.
    """
    if len(words) < 2:
        return " ".join(words)
    first = words[0] if words[0][:1] in ("(", '"', "'", "!") else quote_word(words[0])
    return " ".join([first, *words[1:]])


def _names_studies(words: Sequence[Raw]) -> bool:
    """Tell whether the first word selects studies."""
    first = words[0]
    if len(words) > 1:
        return not isinstance(first, RawAll)
    if not isinstance(first, Word):
        return False
    return prefix_of(first) in LISTS or (first.find("#") >= 0 and "/" not in first.text)


def _modifiers(raws: Sequence[Raw]) -> tuple[str, int | None]:
    sort, nth = "", None
    for raw in raws:
        found = _modifier(raw)
        if isinstance(found, int):
            nth = found
        elif found is not None:
            sort = found
    return sort, nth


def _modifier(raw: Raw) -> str | int | None:
    """Give ``up``, ``down`` or a number when a word is no selector but says what to keep."""
    if not isinstance(raw, Word) or not raw.is_bare:
        return None
    if not raw.text.startswith("NTH("):
        return _SORTS.get(raw.text)
    found = _NTH.fullmatch(raw.text)
    if found is None or int(found[1]) == 0:
        raw.cut(4).fail("a number that is not 0 belongs here", _NTH_HINT)
    return int(found[1])
