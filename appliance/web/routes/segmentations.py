"""Routes between ROIs and DICOM segmentations."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath, JSONBody

from appliance import catalog, viewing
from appliance.catalog import Caller, FileRow
from appliance.viewing import Wanted
from appliance.web import drawing
from appliance.web.schemas.rois import SavedFile
from appliance.web.schemas.segmentations import (
    ExportSegmentation,
    ImportedSegmentation,
    ImportSegmentation,
)
from appliance.web.scope import check_ids
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]


@post("/files/{file_id:int}/dicom", right="editor", status_code=201, sync_to_thread=True)
def export_segmentation(
    services: Rooms, who: Who, file_id: FromPath[int], data: JSONBody[ExportSegmentation]
) -> SavedFile:
    """Save a mask or label map as a DICOM segmentation that refers to the image's objects."""
    roi, image = _row(services, who, file_id), _row(services, who, data.reference_id)
    path = data.path or f"{roi.path.removesuffix('.gz').removesuffix('.nii')}.seg.dcm"
    done = viewing.export_segmentation(
        services.catalog,
        services.folder,
        drawing.limits(services),
        _wanted(who, roi.study_id, path, data),
        roi=catalog.file_path(services.folder, roi),
        objects=services.importer.originals_of(image.id),
        code=roi.pid,
    )
    return drawing.saved(done, path)


@post("/files/{file_id:int}/segments", right="editor", status_code=201, sync_to_thread=True)
def import_segmentation(
    services: Rooms, who: Who, file_id: FromPath[int], data: JSONBody[ImportSegmentation]
) -> ImportedSegmentation:
    """Make a label map of a DICOM segmentation, with its names and colours."""
    row = _row(services, who, file_id)
    image = None if data.reference_id is None else _row(services, who, data.reference_id)
    path = data.path or f"{row.path.removesuffix('.dcm').removesuffix('.seg')}_seg.nii.gz"
    done, notes = viewing.import_segmentation(
        services.catalog,
        services.folder,
        drawing.limits(services),
        _wanted(who, row.study_id, path, data, tags=["mask"]),
        source=catalog.file_path(services.folder, row),
        reference=None if image is None else catalog.file_path(services.folder, image),
    )
    return ImportedSegmentation(drawing.saved(done, path), notes)


def _wanted(
    who: Caller,
    study_id: int,
    path: str,
    data: ExportSegmentation | ImportSegmentation,
    tags: list[str] | None = None,
) -> Wanted:
    return Wanted(
        study_id=study_id,
        path=path,
        actor=who.login,
        origin=f"drawn:{who.login}",
        version=data.version,
        if_changed=data.if_changed,
        tags=tags or [],
        note=data.note,
    )


def _row(services: Services, who: Caller, file_id: int) -> FileRow:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id], "reader")
        return catalog.get_file(con, file_id)


ROUTES = [export_segmentation, import_segmentation]
