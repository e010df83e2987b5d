"""What a release check can find: its rules, how grave each is, and what to do about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from appliance.privacy.known import KnownWords

__all__ = ["ReleaseFinding", "ReleaseFindings", "Severity", "is_telling_key", "looks_personal"]

Severity = Literal["identifies", "may", "note"]
"""It tells who somebody is; it may; a person should know of it."""

_MOST_PLACES, _MOST_FIELDS = 5, 12


class _Rule(msgspec.Struct, frozen=True):
    severity: Severity
    text: str
    advice: str


_RULES: Mapping[str, _Rule] = {
    "name-in-path": _Rule(
        "identifies",
        "Names of files or folders tell who somebody is.",
        "Rename them, or export as BIDS or DICOM, which make names of their own.",
    ),
    "header": _Rule(
        "identifies",
        "Fields of image headers hold a name, an ID or a birth date.",
        "Convert the series again, or leave these files out.",
    ),
    "raw-dicom": _Rule(
        "identifies",
        "DICOM objects carry their patient's name or ID.",
        "Export them as DICOM instead, so that they are made nobody's.",
    ),
    "photographs": _Rule(
        "identifies",
        "Slides hold photographs of their label and glass, which cannot be taken out.",
        "Release their pyramids instead, which are made without them, or leave them out.",
    ),
    "json": _Rule(
        "identifies",
        "JSON documents hold a name, an ID or a birth date.",
        "Take the fields out, or leave these files out.",
    ),
    "table": _Rule(
        "identifies",
        "Tables hold a name, an ID or a birth date.",
        "Take the columns out, or leave these files out.",
    ),
    "text": _Rule(
        "identifies",
        "Texts hold a name, an ID or a birth date.",
        "Edit them, or leave them out.",
    ),
    "telling-column": _Rule(
        "may",
        "Columns of tables are called as if they told who somebody is.",
        "Look at them before they leave.",
    ),
    "personal-text": _Rule(
        "may",
        "Texts hold what looks like a date, a number of somebody, a title or an address.",
        "Read them before they leave.",
    ),
    "burned-in": _Rule(
        "may",
        "Pictures may show a name in their pixels.",
        "Look at them; write a rule that blackens the place, or leave them out.",
    ),
    "face": _Rule(
        "may",
        "Images of heads show a face that can be recognised.",
        "Run Remove the face on them and release its result instead.",
    ),
    "opaque": _Rule(
        "may",
        "Files cannot be looked into.",
        "Open them before they leave.",
    ),
    "dates": _Rule(
        "note",
        "Dates of examinations leave.",
        "Where they must not, use the option modified_dates, or study codes without dates.",
    ),
    "withheld": _Rule(
        "note",
        "Objects do not leave, because what identifies cannot be taken out of them.",
        "The report of the export says which and why.",
    ),
}
_TELLING = re.compile(
    r"(?:^|[^a-z])(?:(?:patient|subject|first|last|family|given|full|sur|vor|nach)[_ ]?names?"
    r"|names?|dob|birth|birth[_ ]?dates?|date[_ ]?of[_ ]?birth|geburt\w*|address|adresse|street"
    r"|e?mails?|phone|telefon|tel|mrn|piz|patient[_ ]?ids?|accession\w*|insurance\w*|ssn"
    r"|physician\w*|operators?[_ ]?names?)(?:$|[^a-z])",
    re.IGNORECASE,
)
_INNER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PERSONAL = re.compile(
    r"\b\d{1,2}[./]\d{1,2}[./](?:19|20)\d{2}\b|\b(?:19|20)\d{2}-\d{2}-\d{2}\b|[^\s@]{1,64}@[^\s@]{1,255}\.\w+"
    r"|\b(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau)\b\.?\s+\w+",
)


class ReleaseFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule found; the values themselves are never told.

    Attributes
    ----------
    n : int
        In how many files.
    fields : list of str
        Names of header fields, keys or columns.
    places : list of str
        Some of the files.
    """

    rule: str
    severity: Severity
    text: str
    advice: str
    n: int
    fields: list[str] = []
    places: list[str] = []


class ReleaseFindings:
    """Collects what is found, file by file.

    Parameters
    ----------
    known : KnownWords
        Whose names, numbers and dates are sought.
    """

    def __init__(self, known: KnownWords) -> None:
        self.known = known
        self._n: Counter[str] = Counter()
        self._fields: dict[str, dict[str, None]] = {}
        self._places: dict[str, dict[str, None]] = {}

    def add(self, rule: str, place: str, *fields: str, n: int = 1) -> None:
        """Note that a rule applies to a file; fields whose names tell somebody are not named."""
        places = self._places.setdefault(rule, {})
        if place not in places:
            self._n[rule] += n
            if len(places) < 100_000:
                places[place] = None
        told = self._fields.setdefault(rule, {})
        told.update(dict.fromkeys(one for one in fields if not self.known.found_in(one)))

    def all(self) -> list[ReleaseFinding]:
        """Give what was found, the gravest first."""
        return [
            ReleaseFinding(
                rule=name,
                severity=rule.severity,
                text=rule.text,
                advice=rule.advice,
                n=self._n[name],
                fields=list(self._fields[name])[:_MOST_FIELDS],
                places=list(self._places[name])[:_MOST_PLACES],
            )
            for name, rule in _RULES.items()
            if self._n[name]
        ]


def is_telling_key(name: str) -> bool:
    """Tell whether a column or key is called as if it held who somebody is."""
    return _TELLING.search(_INNER.sub("_", name)) is not None


def looks_personal(value: Any) -> bool:
    """Tell whether a text holds what looks like a date, an address or a title."""
    return isinstance(value, str) and _PERSONAL.search(value) is not None
