"""Annotations, as the API takes and gives them; a set is a dictionary as NORA writes it."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.web.schemas.base import Input
from appliance.web.schemas.rois import IfChanged

__all__ = ["Annotations", "MarkerFileSent", "MarkerNumbers", "MarkerSets", "SaveAnnotations"]


class SaveAnnotations(Input, frozen=True):
    """Sets of markers to be saved; an empty path is made from the first set's name."""

    sets: list[dict[str, Any]]
    path: str = ""
    tags: list[str] = msgspec.field(default_factory=list)
    version: str | None = None
    if_changed: IfChanged = "refuse"
    note: str = ""


class MarkerFileSent(Input, frozen=True):
    """A file of markers from the caller's computer; `data` in base64."""

    name: str
    data: bytes


class MarkerSets(Input, frozen=True):
    """Sets of markers to be measured."""

    sets: list[dict[str, Any]]


class MarkerNumbers(msgspec.Struct, frozen=True):
    """Numbers of each set by its type: lengths in mm, angles in degrees, axes, contacts."""

    sets: list[dict[str, Any]]


class Annotations(msgspec.Struct, frozen=True, kw_only=True):
    """Sets of markers in world RAS+ mm; `notes` say what could not be taken over."""

    file_id: int | None
    path: str
    version: str | None
    format: str
    sets: list[dict[str, Any]]
    notes: list[str]
