"""An identity as DICOM tells it, and the rule for when two of them can be the same person."""

from __future__ import annotations

import hashlib
import unicodedata

import msgspec

from appliance.core import Conflict

__all__ = ["Identity", "IdentityConflict", "Likely", "Resolution"]

_UNKNOWN_SEX = frozenset({"", "U", "O"})


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a DICOM object says about its patient; an empty text means not told.

    Attributes
    ----------
    patient_id : str
        PatientID (0010,0020).
    issuer : str
        IssuerOfPatientID (0010,0021).
    name : str
        PatientName (0010,0010).
    birth_date : str
        PatientBirthDate (0010,0030), ``YYYYMMDD``.
    sex : str
        PatientSex (0010,0040).
    """

    patient_id: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""

    def __repr__(self) -> str:
        return f"Identity({self.fingerprint[:8]})"  # so that no log line or traceback names anyone

    def cleaned(self) -> Identity:
        """Give the same identity without padding and with one spelling of the same name."""
        return Identity(
            patient_id=_plain(self.patient_id),
            issuer=_plain(self.issuer),
            name=_plain(self.name).rstrip("^= "),
            birth_date="".join(c for c in self.birth_date if c.isdigit()),
            sex=_plain(self.sex).upper(),
        )

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for equal identities, as stored for quick look-up."""
        clean = self.cleaned()
        parts = (clean.patient_id, clean.issuer, _folded(clean.name), clean.birth_date, clean.sex)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def shares_key(self, other: Identity) -> bool:
        """Tell whether both carry the same PatientID, and no different issuers."""
        mine, theirs = self.cleaned(), other.cleaned()
        issuers = {mine.issuer, theirs.issuer} - {""}
        return mine.patient_id == theirs.patient_id and len(issuers) <= 1

    def disagreements(self, other: Identity) -> tuple[str, ...]:
        """Name the fields that both tell and that differ: name, birth date, sex."""
        mine, theirs = self.cleaned(), other.cleaned()
        found = []
        if mine.name and theirs.name and _folded(mine.name) != _folded(theirs.name):
            found.append("name")
        if mine.birth_date and theirs.birth_date and mine.birth_date != theirs.birth_date:
            found.append("birth date")
        if not {mine.sex, theirs.sex} & _UNKNOWN_SEX and mine.sex != theirs.sex:
            found.append("sex")
        return tuple(found)


class IdentityConflict(Conflict):
    """An arrival carries a known PatientID but another name, birth date or sex.

    Parameters
    ----------
    code : str
        Code of the subject that has this PatientID.
    fields : tuple of str
        Names of what differs, never the values.
    """

    key = "identity_conflict"

    def __init__(self, code: str, fields: tuple[str, ...]) -> None:
        super().__init__(
            f"the PatientID is that of {code}, but {_listed(fields)} differ"
            + ("s" if len(fields) == 1 else ""),
            hint=f"It waits among the arrivals until somebody decides: same person as {code},"
            " or a new subject.",
            code=code,
            fields=list(fields),
        )
        self.code = code
        self.fields = fields


class Resolution(msgspec.Struct, frozen=True):
    """The code that stands for an identity, and whether it was made just now."""

    code: str
    new: bool


class Likely(msgspec.Struct, frozen=True):
    """Somebody who has the PatientID in question, and the names of the fields that differ."""

    code: str
    identity: Identity
    differs: tuple[str, ...]


def _listed(fields: tuple[str, ...]) -> str:
    return " and ".join(fields)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(" \0\t\r\n")


def _folded(name: str) -> str:
    """Fold case and spacing of a DICOM person name, the alphabetic group alone."""
    alphabetic = name.split("=", maxsplit=1)[0].casefold()
    parts = [" ".join(part.split()) for part in alphabetic.split("^")]
    return "^".join(parts).rstrip("^")
