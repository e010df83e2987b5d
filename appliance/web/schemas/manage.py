"""Settings of projects, existing data and BIDS datasets, as the API gives and takes them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.catalog import CustomField
from appliance.exchange import BidsRule, PreviewRow, RuleRow, Unplaced
from appliance.web.schemas.base import Input

__all__ = [
    "BidsExport",
    "BidsExportRequest",
    "BidsFile",
    "BidsPlanRequest",
    "BidsPlanView",
    "BidsSettings",
    "ExistingPreview",
    "ExistingRequest",
    "FieldValues",
    "FieldValuesChange",
    "ProjectChange",
    "ProjectDetail",
    "ProjectState",
    "ProjectUsage",
    "Source",
    "StoppedWork",
    "TrashedProject",
]


class ProjectUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a project takes on disk, in bytes; `total_bytes` counts for its quota."""

    n_files: int
    arrived_bytes: int
    derived_bytes: int
    originals_bytes: int
    linked_bytes: int
    trash_bytes: int
    total_bytes: int


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of existing data; `root` is told to administrators of the project alone."""

    key: str
    root: str
    layout: str
    mode: str
    pattern: str
    subjects: str
    created_at: str
    scanned_at: str | None


class ProjectDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A project with its settings.

    Attributes
    ----------
    settings : dict
        All settings with their values in force.
    changed : list of str
        Names of the settings that are not at their defaults.
    """

    key: str
    name: str
    module: str
    state: str
    title: str
    settings: dict[str, Any]
    changed: list[str]
    fields: list[CustomField]
    quota_bytes: int | None
    usage: ProjectUsage
    sources: list[Source]
    examples: dict[str, str]
    created_at: str


class ProjectChange(Input, frozen=True):
    """Settings to be changed; null takes one back to its default."""

    settings: dict[str, Any]


class ProjectState(Input, frozen=True):
    """Put a project to use, into the archive or into the trash."""

    state: Literal["active", "archived", "trashed"]


class TrashedProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project in the trash; `fate` says in words what will become of it.

    Attributes
    ----------
    final_at : str or None
        From then on it cannot be put back; null: it stays.
    size_bytes, originals_bytes : int
        What will leave the disk, and the DICOM originals, which stay.
    """

    name: str
    trashed_at: str
    final_at: str | None
    n_files: int
    size_bytes: int
    originals_bytes: int
    fate: str


class ExistingRequest(Input, frozen=True):
    """A folder of existing data and how it is read.

    Attributes
    ----------
    project : str
        Made when it does not exist; not needed for a preview.
    layout : {"bids", "pattern"}
        ``bids``: a dataset; ``pattern``: subject and study are told from the path.
    subjects : {"keep", "codes"} or null
        Whether names of subjects are codes already. Null: kept for BIDS, else new codes.
    """

    root: str
    project: str = ""
    layout: Literal["bids", "pattern"] = "pattern"
    pattern: str = "{subject}/{study}/{file}"
    mode: Literal["stay", "link", "copy"] = "stay"
    subjects: Literal["keep", "codes"] | None = None


class ExistingPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of a folder."""

    n_files: int
    n_subjects: int
    n_studies: int
    n_problems: int
    n_skipped: int
    size_bytes: int
    n_dicom: int
    truncated: bool
    kinds: dict[str, int]
    rows: list[PreviewRow]
    problems: list[Unplaced]


class StoppedWork(msgspec.Struct, frozen=True):
    """The key of what will end soon."""

    key: str


class FieldValues(msgspec.Struct, frozen=True):
    """Values of custom fields of one subject or study."""

    values: dict[str, Any]


class FieldValuesChange(Input, frozen=True):
    """Values to be set; null takes one away."""

    values: dict[str, str | float | bool | None]


class BidsSettings(Input, frozen=True):
    """How a project is exported as BIDS."""

    rules: list[BidsRule] = msgspec.field(default_factory=list)
    sessions: Literal["number", "name"] = "number"
    name: str = ""
    authors: list[str] = msgspec.field(default_factory=list)
    license: str = ""
    derivatives: bool = False


class BidsPlanRequest(Input, frozen=True):
    """Studies (``PID#SID``; none: all), and a mapping to be tried instead of the saved one."""

    studies: list[str] = msgspec.field(default_factory=list)
    mapping: BidsSettings | None = None


class BidsFile(msgspec.Struct, frozen=True):
    """One image of a planned dataset."""

    psid: str
    path: str
    target: str


class BidsPlanView(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset would hold; `files` are the first of all.

    Attributes
    ----------
    n_derived : int
        How many files go into the derivative beside it.
    """

    rules: list[RuleRow]
    files: list[BidsFile]
    n_files: int
    n_derived: int
    n_subjects: int
    n_studies: int
    size_bytes: int
    problems: list[str]


class BidsExportRequest(Input, frozen=True):
    """Studies to be exported; `target` is a new folder of the machine, else it is downloaded."""

    studies: list[str] = msgspec.field(default_factory=list)
    target: str = ""


class BidsExport(msgspec.Struct, frozen=True, kw_only=True):
    """One export and its fate; `download_url` is given when it is to be downloaded."""

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
