"""Routes of annotations: read, saved with a version check, taken from Slicer, measured."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog, viewing
from appliance.formats import check_sets, parse_markers
from appliance.viewing import Wanted
from appliance.web import drawing
from appliance.web.schemas.annotations import (
    Annotations,
    MarkerFileSent,
    MarkerNumbers,
    MarkerSets,
    SaveAnnotations,
)
from appliance.web.schemas.rois import SavedFile
from appliance.web.scope import check_ids
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/files/{file_id:int}/annotations", right="reader", sync_to_thread=True)
def show_annotations(
    services: Rooms, who: Who, file_id: FromPath[int], kept: FromQuery[int | None] = None
) -> Annotations:
    """Read the markers of a file of NORA (.ano.json) or Slicer (.fcsv, .mrk.json)."""
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        row = catalog.get_file(con, file_id)
    path = viewing.version_path(services.folder, row, kept)
    found = viewing.read_annotations(path, row.name)
    return Annotations(
        file_id=row.id,
        path=row.path,
        version=row.version,
        format=found.format,
        sets=found.sets,
        notes=found.notes,
    )


@post("/studies/{study_id:int}/annotations", right="editor", status_code=201, sync_to_thread=True)
def save_annotations(
    services: Rooms, who: Who, study_id: FromPath[int], data: JSONBody[SaveAnnotations]
) -> SavedFile:
    """Save markers as NORA writes them, in the study's folder ``annotations``.

    Refused (409, key ``changed``) if the file is not the version that was loaded.
    """
    wanted = Wanted(
        study_id=study_id,
        path=data.path or viewing.annotation_path(data.sets),
        actor=who.login,
        origin=f"drawn:{who.login}",
        version=data.version,
        if_changed=data.if_changed,
        tags=["ANO", *data.tags],
        note=data.note,
    )
    done = viewing.save_annotations(
        services.catalog, services.folder, drawing.limits(services), wanted, data.sets
    )
    return drawing.saved(done, wanted.path)


@post("/annotations/parse", right="reader", within="open", status_code=200, sync_to_thread=True)
def parse_annotations(data: JSONBody[MarkerFileSent]) -> Annotations:
    """Read a file of markers that lies on the caller's computer; nothing is stored."""
    found = parse_markers(data.name, data.data)
    return Annotations(
        file_id=None,
        path=data.name,
        version=None,
        format=found.format,
        sets=found.sets,
        notes=found.notes,
    )


@post(
    "/annotations/statistics", right="reader", within="open", status_code=200, sync_to_thread=True
)
def measure_annotations(data: JSONBody[MarkerSets]) -> MarkerNumbers:
    """Measure sets of markers: lengths, angles, axes, diameters, areas, contacts."""
    return MarkerNumbers([viewing.marker_statistics(one) for one in check_sets(data.sets)])


ROUTES = [show_annotations, save_annotations, parse_annotations, measure_annotations]
