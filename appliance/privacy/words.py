"""Words that tell who somebody is, collected from an object and taken out of its other texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
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
_SHORTEST = 3  # two letters occur by chance
_NOTHING = re.compile(r"(?!)")
_LOOKS_PERSONAL = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b"  # a date
    r"|\b\d{6,}\b"  # a number of somebody or something
    r"|\S+@\S+"
    r"|\b(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau)\b\.?\s*\w+",
    re.IGNORECASE,
)


class Words:
    """Words to be found and taken out; make it with `Words.of`, which remembers the last ones."""

    def __init__(self, words: tuple[str, ...]) -> None:
        ordered = sorted(words, key=len, reverse=True)
        either = "|".join(re.escape(word) for word in ordered)
        whole = rf"(?<![^\W_])(?:{either})(?![^\W_])"
        self._pattern = re.compile(whole, re.IGNORECASE) if either else _NOTHING

    @staticmethod
    def of(texts: tuple[str, ...]) -> Words:
        """Take the words out of names and numbers."""
        return _made(texts)

    @staticmethod
    def tells(part: DicomPart) -> bool:
        """Tell whether an element says who somebody is."""
        return part.vr == "PN" or part.keyword in _TELLING

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
def _made(texts: tuple[str, ...]) -> Words:
    return Words(tuple({word for text in texts for word in _split(text)}))


def _split(text: str) -> Iterator[str]:
    whole = text.strip()
    if len(whole) == 8 and whole.isdigit():
        yield f"{whole[:4]}-{whole[4:6]}-{whole[6:]}"
        yield f"{whole[6:]}.{whole[4:6]}.{whole[:4]}"
    for word in (whole, *re.split(r"[\^= ,\-\\]", whole)):
        if len(word) >= (_SHORTEST if word.isascii() else _SHORTEST - 1):
            yield word
