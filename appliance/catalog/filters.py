"""Filter bars: blank = or, ``&`` = and (binds tighter), ``!`` = not, ``*`` and ``_`` wildcards.

``"..."`` quotes, parentheses group, ``NAME:value`` asks an attribute, ``NAME:=value`` exactly.
Everything else may go on: a pattern need not be written to its end.
"""

from __future__ import annotations

from appliance.catalog.grammar import any_of, build, parse_raw
from appliance.catalog.nodes import (
    Absolute,
    And,
    Attribute,
    Filter,
    Not,
    OneOf,
    Or,
    Pattern,
    Rank,
)
from appliance.catalog.sqlcondition import parse_condition
from appliance.catalog.terms import ATTRIBUTES, bar_term
from appliance.catalog.wildcards import escape, fold, like

__all__ = [
    "ATTRIBUTES",
    "Absolute",
    "And",
    "Attribute",
    "Filter",
    "Not",
    "OneOf",
    "Or",
    "Pattern",
    "Rank",
    "escape",
    "fold",
    "like",
    "parse_condition",
    "parse_filter",
]


def parse_filter(text: str, *, bare: str = "FILE") -> Filter | None:
    """Parse the text of a filter bar.

    Parameters
    ----------
    text : str
        As typed.
    bare : {"FILE", "PID", "SID", "SDESC", "STAG", "PTAG", "FTAG", "TAG", "JOB"}
        What a word without an attribute's name asks: the path in the file search, PID in the
        name bar, TAG (of the study or its subject) in the bar of tags.

    Returns
    -------
    Filter or None
        None when the text is empty: everything matches.

    Raises
    ------
    Invalid
        With the fact ``position``, the index of the character that does not fit.
    """
    alternatives = parse_raw(text, "filter")
    if not alternatives:
        return None
    return any_of([build(raw, lambda word: bar_term(word, bare)) for raw in alternatives])
