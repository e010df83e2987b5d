"""Puts together what is to be sent to an archive: series, ROIs, pictures and reports."""

from __future__ import annotations

import base64
import binascii

from appliance import catalog, viewing
from appliance.catalog import Caller, FileRow
from appliance.core import FormatError, Invalid, NotFound, PacsNode
from appliance.exchange import PushWish, SeriesOut
from appliance.formats import read_header
from appliance.web.schemas.pushes import PushRequest
from appliance.web.scope import check_ids
from appliance.web.services import Services

__all__ = ["address", "wishes"]

_ROIS = ("mask", "labels")
_DOCUMENTS = (".png", ".jpg", ".jpeg", ".pdf")
_MAX_DOCUMENT_BYTES = 64 << 20
_NOT_KEPT = "the image did not arrive as DICOM, or its objects are not kept"
_KINDS_HINT = "Images, masks, label maps, PNG, JPEG and PDF can be sent."


def address(node: PacsNode) -> str:
    """Tell in one line where an archive is."""
    return node.url or f"{node.ae_title}@{node.host}:{node.port}"


def wishes(services: Services, who: Caller, project: str, data: PushRequest) -> list[PushWish]:
    """Give what a request wishes to send.

    Raises
    ------
    NotFound
        If a file or study is not of this project.
    Invalid
        If something is of no kind that can be sent.
    """
    pushes = services.pacs.pushes
    files = [_row(services, who, project, file_id) for file_id in data.files]
    images = [row.id for row in files if row.kind == "image" and not _is_document(row)]
    if data.studies:
        with services.catalog.read() as con:
            check_ids(con, who, "study", data.studies, "editor")
    series = pushes.series(project, studies=data.studies, files=images)
    if images and not series:
        raise Invalid(_NOT_KEPT)
    found = [pushes.wish_series(one) for one in series]
    others = [row for row in files if row.id not in images]
    found += [_of_file(services, who, row, data) for row in others]
    if data.picture:
        found.append(_picture(services, who, project, data))
    return found


def _of_file(services: Services, who: Caller, row: FileRow, data: PushRequest) -> PushWish:
    title = data.title or row.name.partition(".")[0]
    path = catalog.file_path(services.folder, row)
    if row.kind in _ROIS:
        rois = viewing.read_rois(path)
        one = _drawn_on(services, who, row, data)
        return services.pacs.pushes.wish_rois(one, data.form, title, (rois.volume, rois.labels))
    if _is_document(row):
        if row.size_bytes > _MAX_DOCUMENT_BYTES:
            raise Invalid(f"{row.name} is too large to be sent")
        one = _any_series(services, row.project, row.study_id)
        return services.pacs.pushes.wish_document(one, title, path.read_bytes())
    raise Invalid(f"{row.name} is of no kind that can be sent", hint=_KINDS_HINT)


def _picture(services: Services, who: Caller, project: str, data: PushRequest) -> PushWish:
    if data.study_id is None:
        raise Invalid("a picture goes into a study", hint="Name it with study_id.")
    try:
        picture = base64.b64decode(data.picture, validate=True)
    except binascii.Error as error:
        raise Invalid("the picture is no base64") from error
    with services.catalog.read() as con:
        check_ids(con, who, "study", [data.study_id], "editor")
    one = _any_series(services, project, data.study_id)
    return services.pacs.pushes.wish_document(one, data.title or "screenshot", picture)


def _drawn_on(services: Services, who: Caller, row: FileRow, data: PushRequest) -> SeriesOut:
    """Give the series of the image that ROIs were drawn on."""
    if data.reference_id is not None:
        image = _row(services, who, row.project, data.reference_id)
        return _series_of(services, image)
    with services.catalog.read() as con:
        others = catalog.study_files(con, row.study_id)
    header = read_header(catalog.file_path(services.folder, row))
    for image in others:
        if image.kind == "image" and image.series is not None:
            try:
                other = read_header(catalog.file_path(services.folder, image))
            except FormatError:
                continue
            if (other["shape"], other["affine"]) == (header["shape"], header["affine"]):
                return _series_of(services, image)
    raise Invalid(
        f"no image of the study lies on the grid of {row.name}",
        hint="Name the image that the ROI was drawn on.",
    )


def _series_of(services: Services, image: FileRow) -> SeriesOut:
    found = services.pacs.pushes.series(image.project, files=[image.id])
    if not found:
        raise Invalid(_NOT_KEPT)
    return found[0]


def _any_series(services: Services, project: str, study_id: int) -> SeriesOut:
    """Give a series that tells whose a study is."""
    found = services.pacs.pushes.series(project, studies=[study_id])
    if not found:
        raise Invalid("nothing of the study is kept as DICOM, so no archive could place it")
    return found[0]


def _is_document(row: FileRow) -> bool:
    return row.name.lower().endswith(_DOCUMENTS)


def _row(services: Services, who: Caller, project: str, file_id: int) -> FileRow:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id], "editor")
        row = catalog.get_file(con, file_id)
    if row.project.lower() != project.lower():
        raise NotFound(f"no file with id {file_id}")
    return row
