"""Words that tell who somebody is, collected from an object and taken out of its other texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.formats import DicomPart

__all__ = ["Words"]

_TELLING = frozenset(
    {
        "AccessionNumber",
        "AdmissionID",
        "MedicalRecordLocator",
        "OtherPatientIDs",
        "PatientAddress",
        "PatientBirthDate",
        "PatientID",
        "PatientTelephoneNumbers",
    }
)
_PLACES = frozenset({"InstitutionAddress", "InstitutionName", "InstitutionalDepartmentName"})
_LEAST_NUMBER = 5  # a StudyID is often a small number that occurs anywhere
_SHORTEST = 3  # two letters occur by chance
_LONG_NUMBER = 5
_BETWEEN = re.compile(r"[\^, \-\\]")
_EDGES = {"letter": r"[^\W\d_]", "digit": r"\d", "short": r"[^\W_]"}
_NOTHING = re.compile(r"(?!)")
_LOOKS_PERSONAL = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b"  # a date
    r"|\b\d{6,}\b"  # a number of somebody or something
    r"|[^\s@]{1,64}@[^\s@]{1,255}"
    r"|\b(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau)\b\.?\s*\w+",
    re.IGNORECASE,
)


class Words:
    """Words to be found and taken out; make it with `Words.of`, which remembers the last ones."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        either = "|".join(sorted(patterns, key=len, reverse=True))
        self._pattern = re.compile(either, re.IGNORECASE) if either else _NOTHING

    @staticmethod
    def of(texts: tuple[str, ...], places: tuple[str, ...] = ()) -> Words:
        """Take the words out of names and numbers; of places the whole name alone is sought."""
        return _made(texts, places)

    @staticmethod
    def tells(part: DicomPart) -> bool:
        """Tell whether an element says who somebody is."""
        if part.keyword == "StudyID":
            return len("".join(part.texts)) >= _LEAST_NUMBER
        return part.vr == "PN" or part.keyword in _TELLING

    @staticmethod
    def tells_where(part: DicomPart) -> bool:
        """Tell whether an element says where somebody was; its words alone are everyday ones."""
        return part.keyword in _PLACES

    def found_in(self, text: str, vr: str = "") -> bool:
        """Tell whether a text holds one; codes may spell a word that is also somebody's name."""
        found = self._pattern.search(text)
        return found is not None and (vr != "CS" or any(c.isdigit() for c in found.group()))

    def out_of(self, text: str, *, deeply: bool = False) -> str:
        """Give a text without them; `deeply` also without what looks like a date or a number."""
        clean = self._pattern.sub("", text)
        if deeply:
            clean = _LOOKS_PERSONAL.sub("", clean)
        return text if clean == text else " ".join(clean.split())


@lru_cache(maxsize=64)
def _made(texts: tuple[str, ...], places: tuple[str, ...]) -> Words:
    found = {pattern for text in texts for pattern in _patterns(text.strip())}
    for place in (" ".join(text.split()) for text in places):
        if len(place) >= _LEAST_NUMBER:
            found.add(_whole(r"[\W_]+".join(map(re.escape, place.split())), place))
    return Words(tuple(found))


def _patterns(text: str) -> Iterator[str]:
    """Give what finds a name or number, and each of its parts, however they are put together."""
    if len(text) == 8 and text.isdigit():
        year, month, day = text[:4], text[4:6], text[6:]
        yield rf"(?<!\d)(?:{year}\W?{month}\W?{day}|{day}\W?{month}\W?{year})(?!\d)"
    for group in text.split("="):
        parts = [part for part in _BETWEEN.split(group) if part]
        for word in {group, *parts}:
            if len(word) >= (_SHORTEST if word.isascii() else _SHORTEST - 1):
                yield _whole(re.escape(word), word)
        for first, second in [*pairwise(parts), *pairwise(reversed(parts))]:
            if len(first) + len(second) > _SHORTEST:
                yield _whole(rf"{re.escape(first)}[\W_]{{0,2}}{re.escape(second)}", first + second)


def _whole(pattern: str, word: str) -> str:
    """Let a word end where letters end; a number of few digits needs room on both sides."""
    before, after = (_EDGES[_kind(word, letter)] for letter in (word[0], word[-1]))
    return f"(?<!{before})(?:{pattern})(?!{after})"


def _kind(word: str, letter: str) -> str:
    if letter.isalpha():
        return "letter"
    return "digit" if len(word) >= _LONG_NUMBER else "short"
