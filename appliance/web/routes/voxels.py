"""Routes from a voxel to the stored value it came from, and to the header of its object."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import FromPath, FromQuery, QueryParameter

from appliance import catalog, viewing
from appliance.formats import DicomHeader, read_dicom_header
from appliance.viewing import VoxelSource
from appliance.web.scope import check_ids
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]

Index = Annotated[int, QueryParameter(ge=0)]


@get("/files/{file_id:int}/source", right="reader", sync_to_thread=True)
def voxel_source(
    services: Rooms, who: Who, file_id: FromPath[int], *, i: Index, j: Index, k: Index, t: Index = 0
) -> VoxelSource:
    """Tell which DICOM object, frame, row and column a voxel came from, and what is there."""
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        row = catalog.get_file(con, file_id)
    objects = services.importer.originals_of(file_id)
    return viewing.voxel_source(catalog.file_path(services.folder, row), objects, (i, j, k), t)


@get("/headers/{file_id:int}", right="reader", sync_to_thread=True)
def object_header(
    services: Rooms, who: Who, file_id: FromPath[int], sop_uid: FromQuery[str] = ""
) -> DicomHeader:
    """Give the technical elements of an image's DICOM object; nothing tells who it is."""
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
    return read_dicom_header(services.importer.originals_of(file_id), sop_uid)


ROUTES = [voxel_source, object_header]
