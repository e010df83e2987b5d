"""Annotations of a study: read from NORA's and Slicer's files, saved as NORA saves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.catalog import Catalog
from appliance.core import DataFolder, FormatError, Invalid, safe_name
from appliance.formats import MarkerFile, check_sets, markers_json, parse_markers
from appliance.viewing.saving import Limits, Saved, Wanted, save

__all__ = ["annotation_path", "read_annotations", "save_annotations"]

_MAX_BYTES = 64 << 20


def read_annotations(path: Path, name: str) -> MarkerFile:
    """Read the markers of a file.

    Raises
    ------
    FormatError
        If it holds none, or is too large.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise FormatError(f"{name} is too large for a file of markers")
    return parse_markers(name, path.read_bytes())


def annotation_path(sets: Sequence[dict[str, Any]]) -> str:
    """Name a file after its first set, as NORA does."""
    name = str(sets[0].get("name", "")) if sets else ""
    return f"annotations/{safe_name(name, fallback='markers')}.ano.json"


def save_annotations(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    wanted: Wanted,
    sets: Sequence[dict[str, Any]],
) -> Saved:
    """Save sets of markers as a file of a study, tagged ``ANO``.

    Raises
    ------
    Invalid
        If the name is none of such a file, or a marker has no place.
    Changed, Conflict, DiskFull
        As `save` does.
    """
    if not wanted.path.endswith(".ano.json"):
        raise Invalid(f"not a name for markers: {wanted.path!r}", hint="Let it end in .ano.json.")
    body = markers_json(check_sets(sets))
    return save(catalog, folder, limits, wanted, lambda stream: stream.write(body))
