"""DICOM documents of ROIs, as the API takes and gives them."""

from __future__ import annotations

import msgspec

from appliance.formats import RoiForm
from appliance.web.schemas.base import Input
from appliance.web.schemas.rois import IfChanged, SavedFile

__all__ = ["ExportSegmentation", "ImportSegmentation", "ImportedSegmentation"]


class ExportSegmentation(Input, frozen=True):
    """Which image's DICOM objects the ROI refers to, the kind of document, and where it goes."""

    reference_id: int
    form: RoiForm = "seg"
    path: str = ""
    version: str | None = None
    if_changed: IfChanged = "refuse"
    note: str = ""


class ImportSegmentation(Input, frozen=True):
    """Where the label map goes, and the image whose grid it has.

    By default the image that the document refers to, else the grid of a segmentation's planes.
    """

    reference_id: int | None = None
    path: str = ""
    version: str | None = None
    if_changed: IfChanged = "refuse"
    note: str = ""


class ImportedSegmentation(msgspec.Struct, frozen=True):
    """The first file, notes, and, where regions overlap, the masks of the others."""

    saved: SavedFile
    notes: list[str]
    others: list[SavedFile]
