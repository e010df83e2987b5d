"""Taking identities out of the JSON that accompanies a converted image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appliance.privacy.identity import Identity

__all__ = ["scrub_sidecar"]

_IDENTIFYING = frozenset(
    {
        "AccessionNumber",
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
        "StudyID",
        "StudyInstanceUID",
    }
)
_SHORTEST = 4  # shorter names and numbers occur by chance


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
    words = tuple(_words(identity)) if identity else ()
    return {
        key: value
        for key, value in doc.items()
        if key not in _IDENTIFYING and not _mentions(value, words)
    }


def _words(identity: Identity) -> Iterator[str]:
    clean = identity.cleaned()
    birth = clean.birth_date
    spelled = (f"{birth[:4]}-{birth[4:6]}-{birth[6:]}",) if len(birth) == 8 else ()
    names = clean.name.replace("=", "^").replace(" ", "^").split("^")
    for word in (clean.patient_id, birth, *spelled, *names):
        if len(word) >= _SHORTEST:
            yield word.casefold()


def _mentions(value: Any, words: tuple[str, ...]) -> bool:
    if isinstance(value, str):
        folded = value.casefold()
        return any(word in folded for word in words)
    if isinstance(value, list):
        return any(_mentions(part, words) for part in value)
    if isinstance(value, dict):
        return any(_mentions(part, words) for part in value.values())
    return False
