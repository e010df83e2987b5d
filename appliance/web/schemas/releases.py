"""Bodies and answers of what leaves: DICOM exports and their reports."""

from __future__ import annotations

import msgspec

from appliance.exchange import ReleaseReport
from appliance.web.schemas.base import Input

__all__ = ["DicomExport", "DicomExportRequest", "DicomPlanRequest"]


class DicomPlanRequest(Input, frozen=True):
    """Studies of which the first object of each series is tried; none means all."""

    studies: list[str] = msgspec.field(default_factory=list)


class DicomExportRequest(Input, frozen=True):
    """Studies to be exported; `target` is a new folder of the machine, else it is downloaded."""

    studies: list[str] = msgspec.field(default_factory=list)
    target: str = ""


class DicomExport(msgspec.Struct, frozen=True, kw_only=True):
    """One export and its fate; the report is there once it was made or downloaded."""

    key: str
    project: str
    target: str
    state: str
    n_files: int
    n_done: int
    size_bytes: int
    reason: str
    hint: str
    n_studies: int
    created_at: str
    updated_at: str
    download_url: str | None
    report: ReleaseReport | None
