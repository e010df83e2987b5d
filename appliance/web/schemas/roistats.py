"""ROI statistics, as the API takes and gives them."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.viewing import StatisticsRow
from appliance.web.schemas.base import Input
from appliance.web.schemas.rois import ExplicitGrid, IfChanged

__all__ = ["MeasureRois", "RoiStatistics", "SaveStatistics", "StatisticsRoi"]


class StatisticsRoi(Input, frozen=True):
    """A region: of a file by `file_id`, or drawn and not saved by `data` on a geometry.

    Attributes
    ----------
    value : int or None
        Of a file: one segment, 0 for all that is above 0, null for every segment by itself.
    """

    file_id: int | None = None
    value: int | None = None
    kept: int | None = None
    name: str = ""
    color: str = ""
    data: bytes | None = None
    reference_id: int | None = None
    grid: ExplicitGrid | None = None
    n_frames: int = 1
    packing: Literal["bits", "bytes"] = "bits"


class MeasureRois(Input, frozen=True, kw_only=True):
    """All of some ROIs in all of some images.

    Attributes
    ----------
    nora : bool
        Quantiles without interpolation, volume and area of the used voxels, as NORA does.
    frames : list of int or None
        Time points; null: all.
    """

    images: list[int]
    rois: list[StatisticsRoi]
    exclude_zeros: bool = False
    nora: bool = False
    percentiles: list[float] = msgspec.field(default_factory=list)
    histogram_bins: int = 0
    frames: list[int] | None = None
    components: bool = True
    surface: bool = True


class SaveStatistics(MeasureRois, frozen=True, kw_only=True):
    """Statistics to be saved as a document of a study, where metadata queries find them."""

    path: str = "META/roi_statistics.json"
    version: str | None = None
    if_changed: IfChanged = "refuse"
    note: str = ""


class RoiStatistics(msgspec.Struct, frozen=True):
    """One row per image, ROI and time point; `notes` says by what rules."""

    rows: list[StatisticsRow]
    notes: list[str]
