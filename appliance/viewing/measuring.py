"""The table of ROI statistics: all ROIs by all images and time points; as rows, CSV, document."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import ApplianceError, Invalid
from appliance.formats import read_volume, read_xdata
from appliance.geometry import Volume
from appliance.imaging import RoiRules, measure_roi
from appliance.viewing.lengths import length_unit, measures_in_mm

__all__ = [
    "MeasuredImage",
    "MeasuredRoi",
    "StatisticsRow",
    "measure_all",
    "statistics_csv",
    "statistics_document",
]

_MOST_ROWS = 200_000
_SERIES = ("mean", "std", "median", "iqr1", "iqr2", "minimum", "maximum", "volume")
_CSV = (
    *("psid", "image", "frame", "x", "roi", "roi_frame", "color", "median", "iqr1", "iqr2"),
    *("mean", "std", "volume_ml", "area_cm2", "area_max_cm2", "n_slices", "minimum", "maximum"),
    *("n_voxels", "n_used", "components", "surface_mm2", "length_unit"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True)
class MeasuredImage:
    """An image to be measured."""

    file_id: int
    name: str
    psid: str
    path: Path


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredRoi:
    """A region to measure in; `file_id` is None for one that was drawn and not saved."""

    name: str
    color: str
    mask: Volume
    file_id: int | None = None
    value: int = 0


class StatisticsRow(msgspec.Struct, frozen=True, kw_only=True):
    """One image in one ROI at one time point.

    Attributes
    ----------
    x : float or None
        What the image's header says of the time point.
    length_unit : str
        What a length of the ROI's grid is: ``mm``; ``angstrom``, brought to mm here; ``detector``,
        of which there are areas but no volume; ``pixel``, of which there is neither.
    areas_cm2 : dict of str to float
        By slice of the ROI's third axis.
    resampled : str
        By which rule, when image and ROI lie on different grids.
    problem : str
        Why there are no numbers.
    """

    image_id: int
    image: str
    psid: str
    roi_index: int
    roi_file_id: int | None
    roi: str
    value: int
    color: str
    frame: int = 0
    roi_frame: int = 0
    x: float | None = None
    n_voxels: int = 0
    n_used: int = 0
    median: float | None = None
    iqr1: float | None = None
    iqr2: float | None = None
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    percentiles: dict[str, float | None] = {}
    length_unit: str = "mm"
    volume_ml: float | None = None
    area_cm2: float | None = None
    area_max_cm2: float | None = None
    areas_cm2: dict[str, float] = {}
    n_slices: int = 0
    components: int | None = None
    surface_mm2: float | None = None
    histogram: dict[str, list[float]] | None = None
    resampled: str = ""
    problem: str = ""


def measure_all(
    images: Sequence[MeasuredImage],
    rois: Sequence[MeasuredRoi],
    rules: RoiRules,
    frames: Sequence[int] | None = None,
) -> list[StatisticsRow]:
    """Measure every image in every ROI; one image is in memory at a time.

    Parameters
    ----------
    frames : sequence of int, optional
        Time points; by default all.

    Raises
    ------
    Invalid
        If there would be too many rows.
    """
    rows: list[StatisticsRow] = []
    for image in images:
        rows += _of_image(image, rois, rules, frames)
        if len(rows) > _MOST_ROWS:
            raise Invalid(f"more than {_MOST_ROWS} rows", hint="Choose fewer time points.")
    return rows


def statistics_csv(rows: Iterable[StatisticsRow], percentiles: Sequence[float] = ()) -> str:
    """Write rows as CSV with a head; text that a table program would calculate is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    names = [f"{p:g}" for p in percentiles]
    writer.writerow([*_CSV, *(f"p{name}" for name in names)])
    for row in rows:
        cells = [getattr(row, name) for name in _CSV]
        writer.writerow([_cell(c) for c in (*cells, *(row.percentiles.get(n) for n in names))])
    return out.getvalue()


def statistics_document(rows: Sequence[StatisticsRow]) -> dict[str, Any]:
    """Make the document that is saved as ``META/….json`` for the catalog to query.

    Returns
    -------
    dict
        ``{roi: {mean, volume, …}}``; of several images ``{roi: {image: {…}}}``. Measures are those
        of the first time point, and of several all as lists under ``series``.
    """
    several = len({row.image_id for row in rows}) > 1
    rois = _unique({row.roi_index: row.roi for row in rows})
    images = _unique({row.image_id: row.image for row in rows})
    found: dict[str, Any] = {}
    for key in dict.fromkeys((row.roi_index, row.image_id) for row in rows):
        own = [row for row in rows if (row.roi_index, row.image_id) == key and not row.problem]
        place = found.setdefault(rois[key[0]], {})
        if own:
            place.update({images[key[1]]: _measures(own)} if several else _measures(own))
    return found


def _of_image(
    image: MeasuredImage,
    rois: Sequence[MeasuredRoi],
    rules: RoiRules,
    frames: Sequence[int] | None,
) -> Iterable[StatisticsRow]:
    heads: list[dict[str, Any]] = [
        {
            "image_id": image.file_id,
            "image": image.name,
            "psid": image.psid,
            "roi_index": index,
            "roi_file_id": roi.file_id,
            "roi": roi.name,
            "value": roi.value,
            "color": roi.color,
        }
        for index, roi in enumerate(rois)
    ]
    try:
        volume, times = read_volume(image.path), read_xdata(image.path)
    except ApplianceError as error:
        return [StatisticsRow(**head, problem=error.message) for head in heads]
    found: list[StatisticsRow] = []
    for head, roi in zip(heads, rois, strict=True):
        for one in measure_roi(volume, roi.mask, rules, frames):
            x = times[one["frame"]] if one["frame"] < len(times) else None
            sized = measures_in_mm({**one}, length_unit(roi.mask, volume))
            found.append(msgspec.convert({**head, **sized, "x": x}, StatisticsRow))
    return found


def _measures(rows: Sequence[StatisticsRow]) -> dict[str, Any]:
    first = rows[0]
    measured: dict[str, Any] = {
        "volume": first.volume_ml,
        "area": first.area_cm2,
        "area_max": first.area_max_cm2,
        **{name: getattr(first, name) for name in ("n_voxels", "n_used", *_SERIES[:-1])},
        **{f"p{name}": value for name, value in first.percentiles.items()},
    }
    if first.length_unit != "mm":
        measured["length_unit"] = first.length_unit
    if first.components is not None:
        measured["components"] = first.components
    if first.surface_mm2 is not None:
        measured["surface_mm2"] = first.surface_mm2
    if len(rows) > 1:
        measured["series"] = {
            name: [getattr(row, "volume_ml" if name == "volume" else name) for row in rows]
            for name in _SERIES
        }
    return measured


def _unique(names: dict[int, str]) -> dict[int, str]:
    """Tell names apart: the second of a name becomes ``name_2``."""
    found: dict[int, str] = {}
    for key, name in names.items():
        wanted = [name, *(f"{name}_{n}" for n in range(2, len(names) + 2))]
        found[key] = next(one for one in wanted if one not in found.values())
    return found


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
