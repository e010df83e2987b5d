"""Between the API and the statistics of ROIs: which files, which regions, by what rules."""

from __future__ import annotations

import json

from appliance import catalog, viewing
from appliance.catalog import Caller, FileRow
from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging import RoiRules
from appliance.viewing import MeasuredImage, MeasuredRoi, StatisticsRow, Wanted
from appliance.web import drawing
from appliance.web.schemas.rois import SavedFile
from appliance.web.schemas.roistats import (
    MeasureRois,
    RoiStatistics,
    SaveStatistics,
    StatisticsRoi,
)
from appliance.web.scope import check_ids
from appliance.web.services import Services

__all__ = ["as_csv", "save_statistics", "statistics"]

_MOST = 2000


def statistics(services: Services, who: Caller, data: MeasureRois) -> RoiStatistics:
    """Measure all ROIs in all images."""
    return RoiStatistics(_rows(services, who, data), _notes(data))


def as_csv(services: Services, who: Caller, data: MeasureRois) -> str:
    """Measure, and give a table."""
    return viewing.statistics_csv(_rows(services, who, data), data.percentiles)


def save_statistics(
    services: Services, who: Caller, study_id: int, data: SaveStatistics
) -> SavedFile:
    """Measure, and save as a document of a study.

    Raises
    ------
    Invalid
        If the name is not that of a JSON file.
    """
    if not data.path.endswith(".json"):
        raise Invalid(f"not a JSON name: {data.path!r}", hint="Let it end in .json.")
    document = viewing.statistics_document(_rows(services, who, data))
    body = json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"
    wanted = Wanted(
        study_id=study_id,
        path=data.path,
        actor=who.login,
        origin=f"measured:{who.login}",
        version=data.version,
        if_changed=data.if_changed,
        note=data.note,
    )
    done = viewing.save(
        services.catalog,
        services.folder,
        drawing.limits(services),
        wanted,
        lambda stream: stream.write(body),
    )
    return drawing.saved(done, data.path)


def _rows(services: Services, who: Caller, data: MeasureRois) -> list[StatisticsRow]:
    if len(data.images) * len(data.rois) > _MOST:
        raise Invalid(f"more than {_MOST} images times ROIs", hint="Choose fewer.")
    images = [_image(services, _find(services, who, one)) for one in data.images]
    rois = [found for roi in data.rois for found in _rois(services, who, roi)]
    rules = RoiRules(
        exclude_zeros=data.exclude_zeros,
        nora=data.nora,
        percentiles=tuple(data.percentiles),
        bins=data.histogram_bins,
        components=data.components,
        surface=data.surface,
    )
    return viewing.measure_all(images, rois, rules, data.frames)


def _find(services: Services, who: Caller, file_id: int) -> FileRow:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id], "reader")
        return catalog.get_file(con, file_id)


def _image(services: Services, row: FileRow) -> MeasuredImage:
    path = catalog.file_path(services.folder, row)
    return MeasuredImage(file_id=row.id, name=viewing.roi_name(row.path), psid=row.psid, path=path)


def _rois(services: Services, who: Caller, roi: StatisticsRoi) -> list[MeasuredRoi]:
    if (roi.file_id is None) == (roi.data is None):
        raise Invalid("a ROI is either a file or drawn", hint="Give file_id, or data.")
    return [_drawn(services, who, roi)] if roi.data is not None else _stored(services, who, roi)


def _drawn(services: Services, who: Caller, roi: StatisticsRoi) -> MeasuredRoi:
    on = drawing.reference_of(services, who, roi.reference_id, roi.grid)
    data = viewing.unpack_mask(roi.data or b"", on.grid.shape, roi.n_frames, roi.packing)
    told = {} if on.length_unit == "mm" else {"length_unit": on.length_unit}
    mask = Volume(data, on.grid.affine, told)
    return MeasuredRoi(name=roi.name, color=roi.color, mask=mask)


def _stored(services: Services, who: Caller, roi: StatisticsRoi) -> list[MeasuredRoi]:
    row = _find(services, who, roi.file_id or 0)
    path = viewing.version_path(services.folder, row, roi.kept)
    found = viewing.read_rois(path, viewing.roi_name(row.path))
    if roi.value == 0:
        name = roi.name or viewing.roi_name(row.path)
        whole = found.volume.like(found.volume.data > 0)
        return [MeasuredRoi(name=name, color=roi.color, mask=whole, file_id=row.id)]
    chosen = [one for one in found.labels if roi.value in (None, one.value)]
    if not chosen:
        raise Invalid(f"{row.name} has no label {roi.value}")
    return [
        MeasuredRoi(
            name=roi.name if roi.name and len(chosen) == 1 else label.name,
            color=roi.color or label.color,
            mask=found.volume.like(found.volume.data == label.value),
            file_id=row.id,
            value=label.value,
        )
        for label in chosen
    ]


def _notes(data: MeasureRois) -> list[str]:
    quantiles = (
        "Quantiles are sorted values without interpolation, and volume and area count the voxels"
        " in use, as NORA does."
        if data.nora
        else "Quantiles are interpolated; volume and area are those of the whole ROI."
    )
    notes = [quantiles, "std is that of the population; area is the sum over all slices."]
    if data.exclude_zeros:
        notes.append("Image values of exactly 0 are left out.")
    return notes
