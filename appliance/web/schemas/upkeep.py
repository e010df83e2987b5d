"""Health, backups, settings and the manual, as the API gives them."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Backup", "Check", "Fix", "FixDone", "Health", "ManualPage", "Setting"]


class Fix(msgspec.Struct, frozen=True):
    """A repair that a check offers."""

    id: str
    label: str


class FixDone(msgspec.Struct, frozen=True):
    """What a repair has done, as a sentence."""

    note: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `level` is ok, warning, error or unknown."""

    id: str
    title: str
    level: str
    text: str
    hint: str
    fix: Fix | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the appliance is."""

    status: str
    checks: list[Check]
    version: str
    started_at: str
    checked_at: str


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """One backup of the databases."""

    name: str
    created_at: str
    size_bytes: int
    verified: bool
    version: str


class Setting(msgspec.Struct, frozen=True):
    """One setting in force, and the layer that it came from."""

    key: str
    value: Any
    source: str


class ManualPage(msgspec.Struct, frozen=True):
    """One page of the manual."""

    name: str
    title: str
