"""Routes of ROIs: saved, loaded, compared; and of the versions of a file."""

from __future__ import annotations

from litestar import Response, get, post, route
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog, viewing
from appliance.catalog import Caller, FileRow
from appliance.web import drawing
from appliance.web.checking import let_file_go
from appliance.web.schemas import Items
from appliance.web.schemas.rois import (
    Agreement,
    CompareRois,
    FileVersion,
    Restore,
    RoiFile,
    SavedFile,
    SaveRois,
)
from appliance.web.scope import check_ids
from appliance.web.services import Rooms, Services, Who
from appliance.web.transfer import Download, FileAnswer

__all__ = ["ROUTES"]

_MOST_BYTES = 512 << 20


@post(
    "/studies/{study_id:int}/rois",
    right="editor",
    status_code=201,
    sync_to_thread=True,
    request_max_body_size=_MOST_BYTES,
)
def save_rois(
    services: Rooms, who: Who, study_id: FromPath[int], data: JSONBody[SaveRois]
) -> SavedFile:
    """Save one ROI as a mask, or several as a label map, on exactly the grid of a reference.

    Refused (409, key ``changed``, with who and when) if the file is not the version that was
    loaded; what is replaced is kept as an earlier version.
    """
    return drawing.save_rois(services, who, study_id, data)


@get("/files/{file_id:int}/rois", right="reader", sync_to_thread=True)
def show_rois(
    services: Rooms, who: Who, file_id: FromPath[int], kept: FromQuery[int | None] = None
) -> RoiFile:
    """Tell the segments of a mask or label map; `kept` names an earlier version."""
    return drawing.roi_file(services, _row(services, who, file_id), kept)


@get(
    "/files/{file_id:int}/rois/{value:int}/bits",
    right="reader",
    sync_to_thread=True,
    include_in_schema=False,
)
def roi_bits(
    services: Rooms,
    who: Who,
    file_id: FromPath[int],
    value: FromPath[int],
    kept: FromQuery[int | None] = None,
) -> Response[bytes]:
    """Send one segment, one bit per voxel; 0 stands for all that is above 0."""
    row = _row(services, who, file_id)
    bits = viewing.roi_bits(viewing.version_path(services.folder, row, kept), value)
    headers = {"Content-Encoding": "gzip", "Cache-Control": "no-store"}
    return Response(bits, media_type="application/octet-stream", headers=headers)


@get("/files/{file_id:int}/versions", right="reader", sync_to_thread=True)
def list_versions(services: Rooms, who: Who, file_id: FromPath[int]) -> Items[FileVersion]:
    """List the versions of a file, the present one first."""
    return Items(drawing.versions(services, _row(services, who, file_id)))


@post(
    "/files/{file_id:int}/versions/{n:int}/restore",
    right="editor",
    status_code=200,
    sync_to_thread=True,
)
def restore_version(
    services: Rooms, who: Who, file_id: FromPath[int], n: FromPath[int], data: JSONBody[Restore]
) -> SavedFile:
    """Bring an earlier version of a file back; the present one is kept."""
    row = _row(services, who, file_id)
    done = viewing.restore_version(
        services.catalog,
        services.folder,
        drawing.limits(services),
        row,
        n,
        actor=who.login,
        version=data.version,
        if_changed=data.if_changed,
        note=data.note,
    )
    return drawing.saved(done, row.path)


@route(
    "/files/{file_id:int}/versions/{n:int}/{name:str}",
    http_method=["GET", "HEAD"],
    right="download",
    sync_to_thread=False,
    include_in_schema=False,
)
def version_content(
    services: Rooms, who: Who, file_id: FromPath[int], n: FromPath[int]
) -> FileAnswer:
    """Send the bytes of a version of a file."""
    return FileAnswer(lambda: _version(services, who, file_id, n))


@post("/rois/compare", right="reader", within="handler", status_code=200, sync_to_thread=True)
def compare_rois(services: Rooms, who: Who, data: JSONBody[CompareRois]) -> Agreement:
    """Compare two ROIs: Dice, volumes, distances, and the slices in which they differ."""
    return drawing.compare(services, who, data)


def _row(services: Services, who: Caller, file_id: int) -> FileRow:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        return catalog.get_file(con, file_id)


def _version(services: Services, who: Caller, file_id: int, n: int) -> Download:
    row = _row(services, who, file_id)
    path = viewing.version_path(services.folder, row, n)
    let_file_go(services, who, row, (n, path))
    return Download(path, row.name)


ROUTES = [
    save_rois,
    show_rois,
    roi_bits,
    list_versions,
    restore_version,
    version_content,
    compare_rois,
]
