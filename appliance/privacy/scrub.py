"""Taking identities out of the texts that accompany a converted image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from appliance.privacy.identity import Identity

__all__ = ["mentions", "scrub_sidecar", "scrub_text"]

_IDENTIFYING = frozenset(
    {
        "AccessionNumber",
        "AdditionalPatientHistory",
        "ImageComments",
        "InstitutionAddress",
        "MedicalRecordID",
        "OperatorsName",
        "OtherPatientIDs",
        "PatientAddress",
        "PatientBirthDate",
        "PatientComments",
        "PatientID",
        "PatientName",
        "PerformingPhysicianName",
        "ReferringPhysicianName",
        "SeriesInstanceUID",
        "StudyComments",
        "StudyID",
        "StudyInstanceUID",
    }
)
_SHORTEST = 3  # two letters occur by chance
_NOTHING = re.compile(r"(?!)")


def scrub_sidecar(doc: dict[str, Any], identity: Identity | None) -> dict[str, Any]:
    """Give a sidecar without fields that identify, and without texts that hold the identity.

    Parameters
    ----------
    doc : dict
        Parsed sidecar of the converter.
    identity : Identity or None
        Whom the image shows, so that a name typed into a comment is found.

    Returns
    -------
    dict
        A new document; the field ``PatientAge`` and ``PatientSex`` stay.
    """
    pattern = _pattern(identity)
    return {
        key: value
        for key, value in doc.items()
        if key not in _IDENTIFYING and not _holds(value, pattern)
    }


def scrub_text(text: str, identity: Identity) -> str:
    """Take name, ID and birth date out of a free text such as a series' description."""
    clean = _pattern(identity).sub("", text)
    return text if clean == text else " ".join(clean.split())


def mentions(text: str, identity: Identity | None) -> bool:
    """Tell whether a text holds name, ID or birth date."""
    return _pattern(identity).search(text) is not None


def _pattern(identity: Identity | None) -> re.Pattern[str]:
    words = sorted({*_words(identity)}, key=len, reverse=True) if identity else []
    if not words:
        return _NOTHING
    either = "|".join(re.escape(word) for word in words)
    return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])", re.IGNORECASE)


def _words(identity: Identity) -> Iterator[str]:
    clean = identity.cleaned()
    birth = clean.birth_date
    spelled = (f"{birth[:4]}-{birth[4:6]}-{birth[6:]}",) if len(birth) == 8 else ()
    names = re.split(r"[\^= ,-]", clean.name)
    for word in (clean.patient_id, birth, *spelled, *names):
        if len(word) >= _SHORTEST:
            yield word


def _holds(value: Any, pattern: re.Pattern[str]) -> bool:
    if isinstance(value, str):
        return pattern.search(value) is not None
    if isinstance(value, list):
        return any(_holds(part, pattern) for part in value)
    if isinstance(value, dict):
        return any(_holds(part, pattern) for part in value.values())
    return False
