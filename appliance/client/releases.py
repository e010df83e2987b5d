"""The part of the client that lets studies leave as DICOM."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from appliance.client.base import Base
from appliance.core import PeerError

__all__ = ["AttributeChange", "DicomExport", "ReleaseCalls", "ReleaseReport", "WithheldObjects"]

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


class ReleaseCalls(Base):
    """What leaves as DICOM, and what was done to it."""

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
