"""Between the API and the viewing room: what was drawn, which versions there are, who may."""

from __future__ import annotations

import msgspec
import numpy as np

from appliance import catalog, viewing
from appliance.catalog import Caller
from appliance.core import Invalid, iso
from appliance.formats import RoiReference, read_reference
from appliance.geometry import Grid, Volume
from appliance.imaging import mask_agreement
from appliance.viewing import DrawnRoi, Limits, RoiDocument, Saved, Segment, Wanted
from appliance.web import views
from appliance.web.schemas.rois import (
    Agreement,
    ChosenRoi,
    CompareRois,
    ExplicitGrid,
    FileVersion,
    RoiFile,
    SavedFile,
    SaveRois,
)
from appliance.web.scope import check_ids
from appliance.web.services import Services

__all__ = ["compare", "limits", "reference_of", "roi_file", "save_rois", "saved", "versions"]


def limits(services: Services) -> Limits:
    """Give what the settings say of versions and free space."""
    own, data = services.settings.viewing, services.settings.data
    return Limits(own.versions_keep, own.versions_days, data.min_free_bytes)


def save_rois(services: Services, who: Caller, study_id: int, data: SaveRois) -> SavedFile:
    """Save ROIs as one file of a study.

    Raises
    ------
    Invalid
        If there is no one geometry, or the data do not fit it.
    """
    document = RoiDocument(
        reference=reference_of(services, who, data.reference_id, data.grid),
        rois=[DrawnRoi(name=r.name, data=r.data, color=r.color, value=r.value) for r in data.rois],
        kind=data.kind,
        n_frames=data.n_frames,
        packing=data.packing,
        overlap=data.overlap,
    )
    wanted = Wanted(
        study_id=study_id,
        path=data.path,
        actor=who.login,
        origin=f"drawn:{who.login}",
        version=data.version,
        if_changed=data.if_changed,
        tags=["mask", *data.tags],
        note=data.note,
    )
    done, segments = viewing.save_rois(
        services.catalog, services.folder, limits(services), wanted, document
    )
    return saved(done, data.path, segments)


def saved(done: Saved, requested: str, segments: list[Segment] | None = None) -> SavedFile:
    """Show what was saved."""
    return SavedFile(
        file=views.file_row(done.file),
        created=done.created,
        version_n=done.n,
        operation_id=done.operation_id,
        requested_path=requested,
        segments=segments or [],
    )


def roi_file(services: Services, row: catalog.FileRow, kept: int | None) -> RoiFile:
    """Show the segments of a mask or label map, or of an earlier version of it."""
    path, name = viewing.version_path(services.folder, row, kept), viewing.roi_name(row.path)
    found = viewing.roi_set(path, name)
    facts = msgspec.structs.asdict(found)
    return RoiFile(
        file_id=row.id, path=row.path, name=name, version=row.version, kept=kept, **facts
    )


def versions(services: Services, row: catalog.FileRow) -> list[FileVersion]:
    """Show the versions of a file."""
    found = viewing.list_versions(services.folder, row)
    return [
        FileVersion(**{**msgspec.structs.asdict(one), "saved_at": iso(one.saved_at)})
        for one in found
    ]


def compare(services: Services, who: Caller, data: CompareRois) -> Agreement:
    """Compare two ROIs."""
    first, second = (_mask(services, who, one) for one in (data.a, data.b))
    found = {**mask_agreement(first, second, frame=data.frame)}
    unit = viewing.length_unit(first, second)
    return msgspec.convert(viewing.agreement_in_mm(found, unit), Agreement)


def reference_of(
    services: Services, who: Caller, file_id: int | None, grid: ExplicitGrid | None
) -> RoiReference:
    """Give the geometry that a ROI is to have.

    Raises
    ------
    Invalid
        If there is not exactly one.
    """
    if (file_id is None) == (grid is None):
        raise Invalid(
            "a ROI needs one geometry", hint="Name an image by reference_id, or give a grid."
        )
    if grid is not None:
        explicit = Grid(grid.shape, np.array(grid.affine))
        codes = grid.sform_code, grid.qform_code
        return RoiReference(explicit, 1, *codes, length_unit=grid.length_unit)
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id or 0], "reader")
        row = catalog.get_file(con, file_id or 0)
    return read_reference(catalog.file_path(services.folder, row))


def _mask(services: Services, who: Caller, chosen: ChosenRoi) -> Volume:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [chosen.file_id])
        row = catalog.get_file(con, chosen.file_id)
    path = viewing.version_path(services.folder, row, chosen.kept)
    return viewing.roi_mask(path, chosen.value)
