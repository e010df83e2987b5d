"""Whose a study is, before anything of it is sent: what we, its objects and the archive say.

Messages name fields, never values.
"""

from __future__ import annotations

from pathlib import Path

from appliance.core import NotFound, Refused
from appliance.exchange.context import Context
from appliance.exchange.pacs_link import Archive, NotOffered
from appliance.exchange.series import identity_of
from appliance.privacy import Identity

__all__ = ["check_archive_agrees", "check_objects", "known_as", "said_by"]

_REMOVED, _METHOD = 0x00120062, 0x00120063
_WANTED = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
_MISMATCH_HINT = (
    "Nothing was sent. Look whether the study lies with the right subject here, and there."
)


def check_objects(ctx: Context, project_key: str, pid: str, study_uid: str, path: Path) -> Identity:
    """Give whose an object is, if that is who we know behind the subject's code.

    Parameters
    ----------
    path : Path
        One object of the series.

    Raises
    ------
    Refused
        If the object was pseudonymised, does not tell whose it is, or tells somebody else.
    """
    said, found_uid = said_by(path)
    if study_uid and found_uid != study_uid:
        raise Refused("an object belongs to another study than its series")
    likely = ctx.identities.likely(project_key, said, study_uid=found_uid)
    if not any(one.code == pid and not one.differs for one in likely):
        raise Refused(f"the images name somebody else than is known as {pid}", hint=_MISMATCH_HINT)
    return said


def said_by(path: Path) -> tuple[Identity, str]:
    """Give whose an object says it is, and its StudyInstanceUID.

    Raises
    ------
    Refused
        If it was pseudonymised, or does not tell whose it is.
    """
    from appliance.formats import DicomRecord, dicom_parts, scan_dicom

    [found] = scan_dicom([path])
    if not isinstance(found, DicomRecord):
        raise Refused("an object cannot be read whole", hint="Nothing of its series is sent.")
    if any(_tells_removal(part.tag, part.texts) for part in dicom_parts(path)):
        raise Refused(
            "the images were pseudonymised before they came, so an archive cannot place them",
            hint="Only images with their real identity go to an archive.",
        )
    said = identity_of(found).cleaned()
    if not said.patient_id:
        raise Refused("the images do not tell whose they are")
    return said, found.study_uid


def check_archive_agrees(
    link: Archive, ours: Identity, study_uid: str, *, new_study: bool = False
) -> bool:
    """Ask an archive whose a study is.

    Parameters
    ----------
    new_study : bool
        Whether the archive need not have the study.

    Returns
    -------
    bool
        Whether it has the study.

    Raises
    ------
    Refused
        If it says somebody else, or has no such study.
    PeerError
        If it does not answer.
    """
    if not link.node.push_check:
        return False
    here = _said(link, "StudyInstanceUID", study_uid)
    known = here or _said(link, "PatientID", ours.patient_id)
    for said in known:
        differs = list(ours.disagreements(said))
        if not ours.shares_key(said):
            differs = ["PatientID", *differs]
        if differs:
            what = "the study" if here else "the PatientID"
            raise Refused(
                f"{link.name} has {what} with another {' and '.join(differs)}", hint=_MISMATCH_HINT
            )
    if not here and not new_study:
        raise Refused(
            f"{link.name} has no such study",
            hint="Allow it if the archive is to get a study that is new to it.",
        )
    return bool(here)


def known_as(ctx: Context, project_key: str, pid: str) -> Identity | None:
    """Give who stands behind a code, if it is known."""
    try:
        return ctx.identities.reveal(project_key, pid)
    except NotFound:
        return None


def _said(link: Archive, key: str, value: str) -> list[Identity]:
    try:
        answers, _ = link.find("STUDY", {key: value}, (*_WANTED, "StudyInstanceUID"))
    except NotOffered as error:
        raise Refused(
            f"{link.name} cannot be asked whose the study is",
            hint="If it is no archive of patients, set push_check = false for it.",
        ) from error
    return [
        Identity(
            patient_id=one.get("PatientID", ""),
            name=one.get("PatientName", ""),
            birth_date=one.get("PatientBirthDate", ""),
            sex=one.get("PatientSex", ""),
        )
        for one in answers
        if key != "StudyInstanceUID" or one.get("StudyInstanceUID", "").strip("\0 ") == value
    ]


def _tells_removal(tag: int, texts: list[str]) -> bool:
    told = "".join(texts).strip()
    return (tag == _REMOVED and told.upper() == "YES") or (tag == _METHOD and bool(told))
