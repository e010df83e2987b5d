"""The tree that every filter, selector and condition is parsed into.

Two things can be asked: a study (table, subject selectors) or a file (file selectors, FILE
arguments). What each node means for them:

==============================  ==============================  ==================================
node                            a study ``s``                   a file ``f`` of study ``s``
==============================  ==============================  ==================================
`Pattern`                       has a file with such a path     has such a path
`Attribute` ``FTAG``            has a file with such a tag      has such a tag
``STAG PTAG SDESC JOB PID SID`` its own, or its subject's       those of its study
`OneOf`, `Rank`                 is one of them                  its study is
`Absolute`                      has the file at this place      is at this place
`Not`, `And`, `Or`              of the answers for the study    of the answers for the file
==============================  ==============================  ==================================

So in a filter bar ``dwi & META`` asks for studies that have a file of each kind, and in a file
selector for files that match both. Files, studies and subjects in the trash do not count.
Filter bars give only `Pattern`, `Attribute`, `Not`, `And` and `Or`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from appliance.catalog.wildcards import matcher

__all__ = ["Absolute", "And", "Attribute", "Filter", "Not", "OneOf", "Or", "Pattern", "Rank"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern on the path relative to the study's folder, ``folder/name``.

    `anchored` False (filter bars) means that any text may follow; `at` is the place in the text
    it was parsed from and no part of its value.
    """

    text: str
    anchored: bool = False
    at: int = field(default=0, compare=False)

    @property
    def regex(self) -> re.Pattern[str]:
        """Test for ``.match`` on a folded path."""
        return matcher(self.text, anchored=self.anchored)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A question to an attribute, such as ``STAG:control``; `value` is a pattern.

    `name` is STAG, PTAG, FTAG (tags), SDESC (description), PID, SID, or JOB, whose value are
    letters and no pattern.
    """

    name: str
    value: str
    anchored: bool = False
    at: int = field(default=0, compare=False)

    @property
    def regex(self) -> re.Pattern[str]:
        """Test for ``.match`` on the folded value."""
        return matcher(self.value, anchored=self.anchored, path=False)


@dataclass(frozen=True, slots=True)
class OneOf:
    """A list of subjects (`name` PID) or studies (PSID), named exactly but for case."""

    name: str
    values: tuple[str, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Rank:
    """The study that has place `n` (from 0) among its subject's, by date, time and name."""

    newest: bool
    n: int
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Absolute:
    """One file by its absolute path."""

    path: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a term."""

    term: Filter


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold."""

    terms: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one term holds."""

    terms: tuple[Filter, ...]


Filter: TypeAlias = "Pattern | Attribute | OneOf | Rank | Absolute | Not | And | Or"
