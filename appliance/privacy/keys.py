"""What identities are matched by: the PatientID, or without one the study they came with."""

from __future__ import annotations

import sqlite3

from appliance.privacy.identity import Identity

__all__ = ["identity_of_row", "is_study_key", "keyed", "shown"]

_STUDY_ISSUER = "\x1estudy:"


def keyed(identity: Identity, study_uid: str) -> Identity:
    """Give an identity without PatientID a key of its own: the study it came with."""
    clean = identity.cleaned()
    if clean.patient_id:
        return clean
    return Identity(
        issuer=f"{_STUDY_ISSUER}{study_uid}",
        name=clean.name,
        birth_date=clean.birth_date,
        sex=clean.sex,
    )


def is_study_key(identity: Identity) -> bool:
    """Tell whether the key of an identity is its study."""
    return identity.issuer.startswith(_STUDY_ISSUER)


def shown(identity: Identity) -> Identity:
    """Give an identity as a person may see it: without a key of ours."""
    if not is_study_key(identity):
        return identity
    return Identity(name=identity.name, birth_date=identity.birth_date, sex=identity.sex)


def identity_of_row(row: sqlite3.Row | tuple[str, ...]) -> Identity:
    """Read an identity from the five columns of its table."""
    return Identity(patient_id=row[0], issuer=row[1], name=row[2], birth_date=row[3], sex=row[4])
