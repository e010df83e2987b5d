"""The part of the client that lets studies leave as DICOM."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from appliance.client.base import Base
from appliance.core import PeerError

__all__ = [
    "AttributeChange",
    "BlackenedObjects",
    "DicomExport",
    "ReleaseCalls",
    "ReleaseCheck",
    "ReleaseFinding",
    "ReleaseReport",
    "WithheldObjects",
]

_OPEN = frozenset({"pending", "working"})


class AttributeChange(msgspec.Struct, frozen=True):
    """What was done to one attribute, and how often; never a value."""

    tag: str
    name: str
    action: str
    n: int


class WithheldObjects(msgspec.Struct, frozen=True):
    """Objects of one series that do not leave, and why."""

    subject: str
    study: str
    series: str
    reason: str
    n: int


class BlackenedObjects(msgspec.Struct, frozen=True):
    """Objects of one series of which pixels were blackened, and by which rules."""

    subject: str
    study: str
    series: str
    rules: list[str]
    percent: float
    n: int


class ReleaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, done to objects on their way out; `sample`: the first of a series."""

    made_by: str
    at: str
    method: str
    options: list[str]
    burned_in: str
    sample: bool
    n_subjects: int
    n_studies: int
    n_series: int
    n_objects: int
    n_withheld: int
    size_bytes: int
    withheld: list[WithheldObjects]
    blackened: list[BlackenedObjects]
    changes: list[AttributeChange]


class DicomExport(msgspec.Struct, frozen=True, kw_only=True):
    """One export of DICOM objects and its fate."""

    key: str
    project: str
    target: str
    state: str
    n_files: int
    n_done: int
    reason: str
    hint: str
    n_studies: int
    report: ReleaseReport | None


class ReleaseFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule of a release check found, in `n` files; never a value."""

    rule: str
    severity: str
    text: str
    advice: str
    n: int
    fields: list[str]
    places: list[str]


class ReleaseCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in what would leave; `needed`: it leaves only when somebody confirms."""

    key: str
    project: str
    way: str
    n_files: int
    n_subjects: int
    findings: list[ReleaseFinding]
    fields: dict[str, list[str]]
    needed: bool
    confirmed_by: str | None


class _Verdict(msgspec.Struct, frozen=True):
    valid: bool


class ReleaseCalls(Base):
    """What leaves, the last look at it, and what was done to it."""

    def check_release(self, project: str, way: str, studies: Sequence[str] = ()) -> ReleaseCheck:
        """Look at what an export as ``bids`` or ``dicom`` would tell of whom it shows."""
        body = {"way": way, "studies": list(studies)}
        return self._post(_checks(project), ReleaseCheck, body)

    def release_check(self, project: str, key: str) -> ReleaseCheck:
        """Give a release check by key."""
        return self._get(f"{_checks(project)}/{key}", ReleaseCheck)

    def confirm_release(self, project: str, key: str) -> ReleaseCheck:
        """Let go what was checked."""
        return self._post(f"{_checks(project)}/{key}/confirm", ReleaseCheck, {})

    def release_report(self, project: str, key: str) -> dict[str, Any]:
        """Give the signed report of a release check."""
        return self._get(f"{_checks(project)}/{key}/report", dict[str, Any])

    def verify_release(self, report: Mapping[str, Any]) -> bool:
        """Tell whether a report was signed by the appliance and not changed since."""
        return self._post("/releases/verify", _Verdict, dict(report)).valid

    def plan_dicom(self, project: str, studies: Sequence[str] = ()) -> ReleaseReport:
        """Tell what would be done to some studies or all, by the first object of each series."""
        body = {"studies": list(studies)}
        return self._post(f"{_of(project)}/plan", ReleaseReport, body)

    def export_dicom(
        self, project: str, studies: Sequence[str] = (), *, target: str | Path = ""
    ) -> DicomExport:
        """Export studies as DICOM by the rules of their project.

        Parameters
        ----------
        target : str or Path
            A new folder of the service's machine; else `download_dicom` fetches a zip.
        """
        body = {"studies": list(studies), "target": str(target)}
        return self._post(f"{_of(project)}/exports", DicomExport, body)

    def dicom_export(self, export: DicomExport) -> DicomExport:
        """Give an export as it is now."""
        return self._get(f"{_of(export.project)}/exports/{export.key}", DicomExport)

    def wait_dicom(
        self, export: DicomExport, *, within_s: float = 86_400, poll_s: float = 0.5
    ) -> DicomExport:
        """Wait until an export is ready, or has failed.

        Raises
        ------
        PeerError
            If that takes longer than `within_s`.
        """
        until = time.monotonic() + within_s
        while (found := self.dicom_export(export)).state in _OPEN:
            if time.monotonic() > until:
                raise PeerError(f"the export is still {found.state} after {within_s:g} s")
            time.sleep(poll_s)
        return found

    def download_dicom(self, export: DicomExport, target: Path) -> DicomExport:
        """Write an export that is ready to a zip, and give it with its report."""
        with target.open("wb") as out:
            self._transport.fetch(f"{_of(export.project)}/exports/{export.key}/dicom.zip", out)
        return self.dicom_export(export)


def _of(project: str) -> str:
    return f"/projects/{quote(project, safe='')}/dicom"


def _checks(project: str) -> str:
    return f"/projects/{quote(project, safe='')}/releases/checks"
