"""The part of the client that reads, saves and measures annotations."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.client.base import Base

__all__ = ["AnnotationCalls"]

_Json = dict[str, Any]


class AnnotationCalls(Base):
    """Markers: sets of points in world RAS+ mm, as NORA keeps them."""

    def annotations(self, file_id: int, *, kept: int | None = None) -> _Json:
        """Give the ``sets`` of a file of markers, its ``version`` and notes."""
        return self._get(f"/files/{file_id}/annotations", _Json, {"kept": kept})

    def save_annotations(
        self,
        study_id: int,
        sets: Sequence[_Json],
        *,
        path: str = "",
        version: str | None = None,
        if_changed: str = "refuse",
    ) -> _Json:
        """Save sets of markers as ``annotations/<name>.ano.json`` of a study.

        Raises
        ------
        Conflict
            If somebody changed the file meanwhile; its facts say who and when.
        """
        body = {"sets": list(sets), "path": path, "version": version, "if_changed": if_changed}
        return self._post(f"/studies/{study_id}/annotations", _Json, body)

    def parse_markers(self, file: Path) -> _Json:
        """Read a file of NORA or Slicer on this computer as sets of markers."""
        data = base64.b64encode(file.read_bytes()).decode()
        return self._post("/annotations/parse", _Json, {"name": file.name, "data": data})

    def marker_statistics(self, sets: Sequence[_Json]) -> list[_Json]:
        """Measure sets of markers: lengths in mm, angles in degrees, axes, contacts."""
        found: list[_Json] = self._post("/annotations/statistics", _Json, {"sets": list(sets)})[
            "sets"
        ]
        return found
