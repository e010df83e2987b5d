"""Predefined jobs, and the descriptors that people bring, as the API gives them."""

from __future__ import annotations

import msgspec

from appliance.jobs import Argument, Resources

__all__ = ["ToolFile", "ToolRow"]


class ToolRow(msgspec.Struct, frozen=True, kw_only=True):
    """One predefined job; `missing` says why it cannot run here and what to install."""

    id: str
    menu: str
    name: str
    description: str
    level: str
    args: list[Argument]
    resources: Resources
    version: str
    queue: str
    source: str
    missing: str


class ToolFile(msgspec.Struct, frozen=True):
    """One file of descriptors that was brought; `problem` says why it is no tool."""

    file: str
    sha256: str
    id: str
    name: str
    version: str
    problem: str
