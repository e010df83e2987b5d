"""DICOM segmentations, as the API takes and gives them."""

from __future__ import annotations

import msgspec

from appliance.web.schemas.base import Input
from appliance.web.schemas.rois import IfChanged, SavedFile

__all__ = ["ExportSegmentation", "ImportSegmentation", "ImportedSegmentation"]


class ExportSegmentation(Input, frozen=True):
    """Which image's DICOM objects the ROI refers to, and where the segmentation goes."""

    reference_id: int
    path: str = ""
    version: str | None = None
    if_changed: IfChanged = "refuse"
    note: str = ""


class ImportSegmentation(Input, frozen=True):
    """Where the label map goes, and the image whose grid it has; by default one of its planes."""

    reference_id: int | None = None
    path: str = ""
    version: str | None = None
    if_changed: IfChanged = "refuse"
    note: str = ""


class ImportedSegmentation(msgspec.Struct, frozen=True):
    """The label map, and notes about what it cannot hold."""

    saved: SavedFile
    notes: list[str]
