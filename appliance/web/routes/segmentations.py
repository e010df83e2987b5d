"""Routes between ROIs and DICOM segmentations or structure sets."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath, JSONBody

from appliance import catalog, viewing
from appliance.catalog import Caller, FileRow
from appliance.viewing import DicomImage, Wanted
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
    """Save a mask or label map as a DICOM segmentation or structure set of the image's objects."""
    roi, image = _row(services, who, file_id), _row(services, who, data.reference_id)
    ending = "seg.dcm" if data.form == "seg" else "rtstruct.dcm"
    path = data.path or f"{roi.path.removesuffix('.gz').removesuffix('.nii')}.{ending}"
    done = viewing.export_dicom_rois(
        services.catalog,
        services.folder,
        drawing.limits(services),
        _wanted(who, roi.study_id, path, data),
        form=data.form,
        roi=catalog.file_path(services.folder, roi),
        objects=services.importer.originals_of(image.id),
        code=roi.pid,
    )
    return drawing.saved(done, path)


@post("/files/{file_id:int}/segments", right="editor", status_code=201, sync_to_thread=True)
def import_segmentation(
    services: Rooms, who: Who, file_id: FromPath[int], data: JSONBody[ImportSegmentation]
) -> ImportedSegmentation:
    """Make a label map, or masks, of a DICOM segmentation or structure set, with their names."""
    row = _row(services, who, file_id)
    stem = row.path.removesuffix(".dcm").removesuffix(".seg")
    ending = "rois" if stem.endswith(".rtstruct") else "seg"
    path = data.path or f"{stem.removesuffix('.rtstruct')}_{ending}.nii.gz"
    done = viewing.import_dicom_rois(
        services.catalog,
        services.folder,
        drawing.limits(services),
        _wanted(who, row.study_id, path, data, tags=["mask"]),
        source=catalog.file_path(services.folder, row),
        image=_image(services, who, row, data.reference_id),
    )
    first, *others = [drawing.saved(one, path) for one in done.files]
    return ImportedSegmentation(first, done.notes, others)


def _image(
    services: Services, who: Caller, row: FileRow, reference_id: int | None
) -> DicomImage | None:
    """Give the image that was named, else the one that the document refers to."""
    image = (
        services.importer.image_of_rois(row)
        if reference_id is None
        else _row(services, who, reference_id)
    )
    if image is None:
        return None
    objects = services.importer.originals_of(image.id)
    return DicomImage(catalog.file_path(services.folder, image), objects)


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
