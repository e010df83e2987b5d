"""Presets of autoloaders, the files of a case, and how cases are rated."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.viewing import CaseLevel, Entry, Preset, PresetShare
from appliance.web.schemas.base import Input
from appliance.web.schemas.data import FileRow

__all__ = [
    "CaseAsked",
    "CaseEntry",
    "LoadedCase",
    "NewPreset",
    "PresetChange",
    "PresetRow",
    "RatedRow",
    "RatingsAsked",
]


class NewPreset(Input, frozen=True):
    """A preset to be kept: ours, or as NORA writes it."""

    name: str
    preset: dict[str, Any]
    share: PresetShare = "private"


class PresetChange(Input, frozen=True):
    """What is to change; with `rev` only if nobody changed it meanwhile."""

    name: str | None = None
    preset: dict[str, Any] | None = None
    share: PresetShare | None = None
    rev: int | None = None


class PresetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A preset as the caller sees it.

    `may_change`: may replace what it loads; `may_own`: may also rename, share and remove it.
    `left_out` names what of NORA's preset has no meaning here.
    """

    key: str
    project: str
    name: str
    owner: str
    share: PresetShare
    rev: int
    updated_at: str
    may_change: bool
    may_own: bool
    preset: Preset
    left_out: list[str] = []


class CaseAsked(Input, frozen=True):
    """A case (``PID`` or ``PID#SID``) and the entries that are to be loaded of it."""

    case: str
    entries: list[Entry]
    level: CaseLevel = "auto"


class CaseEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry means: its first files, how many there are, what a missing one is named."""

    files: list[FileRow]
    n: int
    wanted: str
    problem: str


class LoadedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case with what each entry means; `study_id` is where new files go."""

    case: str
    level: Literal["subject", "study"]
    id: int
    study_id: int
    entries: list[CaseEntry]


class RatingsAsked(Input, frozen=True):
    """Cases and the tags that rate them.

    The first file of the entry is the picture of each case; with `of_file` it is what is rated.
    """

    cases: list[str]
    tags: list[str]
    level: CaseLevel = "auto"
    entry: Entry | None = None
    of_file: bool = False


class RatedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a rating is set on, by level and id (null: no such file), its tags and its picture."""

    case: str
    level: Literal["subject", "study", "file"]
    id: int | None
    file_id: int | None
    tags: list[str]
