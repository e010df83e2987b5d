"""Bodies and answers of release checks: what was found in what leaves, and who let it go."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.privacy import ReleaseFinding
from appliance.web.schemas.base import Input

__all__ = ["ReleaseCheckRequest", "ReleaseCheckView", "ReleaseVerdict"]


class ReleaseCheckRequest(Input, frozen=True, kw_only=True):
    """What would leave.

    Attributes
    ----------
    way : {"bids", "dicom", "files"}
        An export of studies, or an archive that was prepared.
    studies : list of str
        Studies of an export; none means all of the project.
    download : str
        Key of the prepared archive.
    """

    way: Literal["bids", "dicom", "files"]
    studies: list[str] = msgspec.field(default_factory=list)
    download: str = ""


class ReleaseCheckView(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in what would leave; `needed`: it leaves only when somebody confirms."""

    key: str
    project: str
    way: str
    n_files: int
    n_subjects: int
    findings: list[ReleaseFinding]
    fields: dict[str, list[str]]
    needed: bool
    made_by: str
    created_at: str
    confirmed_by: str | None
    confirmed_at: str | None
    report_url: str


class ReleaseVerdict(msgspec.Struct, frozen=True):
    """Whether a report was made here and is as it was made."""

    valid: bool
