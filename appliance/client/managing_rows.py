"""What the API answers about settings of projects, existing data and BIDS datasets."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "BidsExport",
    "BidsFile",
    "BidsPlan",
    "ExistingPreview",
    "PreviewRow",
    "ProjectDetail",
    "ProjectUsage",
    "Unplaced",
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


class ProjectDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A project with its settings in force; `changed` names those that are not at their default."""

    name: str
    module: str
    state: str
    title: str
    settings: dict[str, Any]
    changed: list[str]
    quota_bytes: int | None
    usage: ProjectUsage


class PreviewRow(msgspec.Struct, frozen=True):
    """One file of existing data as it would come in."""

    source: str
    psid: str
    path: str
    size_bytes: int


class Unplaced(msgspec.Struct, frozen=True):
    """A path that has no place, and why."""

    path: str
    reason: str


class ExistingPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of a folder of existing data; `rows` are the first files."""

    n_files: int
    n_subjects: int
    n_studies: int
    n_problems: int
    n_skipped: int
    size_bytes: int
    truncated: bool
    kinds: dict[str, int]
    rows: list[PreviewRow]
    problems: list[Unplaced]


class BidsFile(msgspec.Struct, frozen=True):
    """One image of a planned dataset."""

    psid: str
    path: str
    target: str


class BidsPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a BIDS dataset would hold; `files` are the first of all, `n_derived` what jobs made."""

    files: list[BidsFile]
    n_files: int
    n_derived: int = 0
    n_subjects: int
    n_studies: int
    size_bytes: int
    problems: list[str]


class BidsExport(msgspec.Struct, frozen=True, kw_only=True):
    """One export of a BIDS dataset and its fate."""

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
