"""Shared links of the viewer."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.web.schemas.base import Input
from appliance.web.schemas.data import FileRow

__all__ = ["LinkRow", "NewLink", "SharedLink"]


class NewLink(Input, frozen=True):
    """A state of the viewer, and the ids of the files that it names by number.

    With `rev` a link is replaced only if nobody changed it meanwhile.
    """

    state: dict[str, Any]
    files: list[int] = msgspec.field(default_factory=list)
    title: str = ""
    rev: int | None = None


class LinkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link without what it shows; `may_change`: the caller may replace and revoke it."""

    key: str
    project: str
    title: str
    owner: str
    rev: int
    updated_at: str
    n_files: int
    may_change: bool


class SharedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link with what it shows to the caller.

    `files` has null where a file is not there, or may not be seen by the caller; `missing` names
    those of the link's own project.
    """

    link: LinkRow
    state: dict[str, Any]
    files: list[FileRow | None]
    missing: list[str]
