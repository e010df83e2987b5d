"""Routes of what leaves the table: CSV, archives of files, and the contact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from litestar import Request, Response, get, post, route
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from appliance import catalog
from appliance.catalog import Caller, FileRow, Reader
from appliance.core import Invalid, NotFound
from appliance.viewing import ContactSheet, Plane
from appliance.web.checking import let_archive_go
from appliance.web.downloads import Downloads, Prepared, ZipAnswer, prepare
from appliance.web.schemas import (
    ContactRequest,
    ContactTile,
    Download,
    DownloadRequest,
    Items,
    TableRequest,
)
from appliance.web.scope import check_ids, check_project
from appliance.web.services import Rooms, Services, Who
from appliance.web.tablefields import field_facts, fields_for
from appliance.web.tablemeta import meta_facts
from appliance.web.tablerows import columns_of, table_rows
from appliance.web.tabletext import TextForm, csv_text
from appliance.web.transfer import content_disposition
from appliance.web.views import API

__all__ = ["ROUTES"]

_Request = Request[Caller, str, State]
_IMAGES = frozenset({"image", "mask", "labels"})
_MOST_STUDIES, _MOST_FILES = 2000, 1_000_000
Size = Annotated[int, QueryParameter(ge=32, le=512)]
Percent = Annotated[float, QueryParameter(ge=0, le=100)]


@post("/projects/{project:str}/table", right="reader", status_code=200, sync_to_thread=True)
def export_table(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[TableRequest]
) -> Stream:
    """Write rows of the table as CSV, as they are read."""
    with services.catalog.read() as con:
        check_project(con, who, project)
        found = catalog.get_project(con, project)
        columns = columns_of(data, fields_for(found, data.level))
        fields = field_facts(con, found, columns)
    form = TextForm(german=data.separator == "semicolon")
    more = meta_facts(services, found, columns)
    rows = table_rows(services.catalog, found.id, data, more, fields)
    text = csv_text(rows, columns, data.form, form)
    return _csv(text, f"{found.name}_{data.level}_{data.form}.csv")


@post("/downloads", right="download", within="handler", sync_to_thread=True)
def prepare_download(
    request: _Request, services: Rooms, who: Who, data: JSONBody[DownloadRequest]
) -> Download:
    """Prepare an archive of files; its address is good for half an hour, for the same caller."""
    project, rows, name = _chosen(services, who, data)
    made = prepare(services.folder, project, who.login, rows, name)
    if not made.entries:
        raise NotFound("there are no files to download", hint="Loosen the pattern.")
    downloads: Downloads = request.app.state.downloads
    downloads.keep(made)
    return _download(made)


@route(
    "/downloads/{key:str}/{name:str}",
    http_method=["GET", "HEAD"],
    right="download",
    within="handler",
    sync_to_thread=False,
    include_in_schema=False,
)
def send_download(request: _Request, services: Rooms, who: Who, key: FromPath[str]) -> ZipAnswer:
    """Send a prepared archive; refused where it tells who somebody is and nobody confirmed it."""
    downloads: Downloads = request.app.state.downloads
    return ZipAnswer(lambda: let_archive_go(services, who, downloads.get(key, who)))


@post("/contact", right="reader", within="handler", status_code=200, sync_to_thread=True)
def contact_sheet(services: Rooms, who: Who, data: JSONBody[ContactRequest]) -> Items[ContactTile]:
    """Choose the image of each study that a file pattern means, for a contact sheet."""
    if len(data.studies) > _MOST_STUDIES:
        raise Invalid(f"at most {_MOST_STUDIES} studies at once", hint="Ask for them in parts.")
    with services.catalog.read() as con:
        check_project(con, who, data.project)
        check_ids(con, who, "study", data.studies)
        project = catalog.get_project(con, data.project)
        found = catalog.find_files(con, project.id, data.pattern, data.studies)
    images: dict[int, list[catalog.SelectedFile]] = {}
    for row in found:
        if row.kind in _IMAGES:
            images.setdefault(row.study_id, []).append(row)
    if not data.pattern:  # the one that the table shows as thumbnail: what arrived first
        for rows in images.values():
            rows.sort(key=lambda row: row.file_id)
    return Items([_tile(study_id, images.get(study_id, [])) for study_id in data.studies])


@get("/slices/{name:str}", right="reader", within="handler", sync_to_thread=True)
def draw_slice(
    request: _Request,
    services: Rooms,
    who: Who,
    *,
    name: FromPath[str],
    plane: FromQuery[Plane] = "axial",
    position: Percent = 50.0,
    size: Size = 192,
) -> Response[bytes]:
    """Draw one slice of an image as PNG; `position` in percent from the left, back or bottom."""
    number, _, suffix = name.partition(".")
    if not number.isascii() or not number.isdigit() or suffix != "png":
        raise NotFound("slices are named by a file's id, such as 12.png")
    with services.catalog.read() as con:
        check_ids(con, who, "file", [int(number)])
        row = catalog.get_file(con, int(number))
    sheet: ContactSheet = request.app.state.sheet
    path = catalog.file_path(services.folder, row)
    png = sheet.slice_png(row, path, plane=plane, position=position / 100, size=size)
    return Response(png, media_type="image/png")


def _csv(text: Iterator[str], name: str) -> Stream:
    disposition = content_disposition(name).replace("inline", "attachment", 1)
    return Stream(
        text,
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": disposition},
    )


def _chosen(
    services: Services, who: Caller, data: DownloadRequest
) -> tuple[str, Iterator[FileRow], str]:
    """Check what was asked for; give the project, the files, and a name for the archive."""
    with services.catalog.read() as con:
        check_project(con, who, data.project)
        for level in ("file", "study", "subject"):
            check_ids(con, who, level, getattr(data, _FIELDS[level]))
        project = catalog.get_project(con, data.project)
        studies = [*data.studies, *_studies_of(con, project.id, data.subjects)]
        ids = dict.fromkeys(data.files)
        if studies:
            found = catalog.find_files(con, project.id, data.pattern, studies)
            ids.update(dict.fromkeys(row.file_id for row in found))
        if len(ids) > _MOST_FILES:
            raise Invalid(f"at most {_MOST_FILES} files at once", hint="Download them in parts.")
        rows = [row for row in _rows(con, list(ids)) if row.project_id == project.id]
    name = rows[0].psid.replace("#", "_") if len({row.study_id for row in rows}) == 1 else ""
    return project.name, iter(rows), name or project.name


_FIELDS: dict[str, Any] = {"file": "files", "study": "studies", "subject": "subjects"}


def _rows(con: Reader, ids: list[int]) -> Iterator[FileRow]:
    """Give the files of these ids that are there; what went into the trash is left out."""
    for file_id in ids:
        try:
            yield catalog.get_file(con, file_id)
        except NotFound:
            continue


def _studies_of(con: Reader, project_id: int, subjects: list[int]) -> list[int]:
    return [
        row[0]
        for subject_id in subjects
        for row in con.execute(
            "SELECT id FROM studies WHERE project_id = ? AND subject_id = ? AND trashed_at IS NULL",
            (project_id, subject_id),
        )
    ]


def _download(made: Prepared) -> Download:
    return Download(
        key=made.key,
        name=made.name,
        n_files=len(made.files),
        n_missing=made.n_missing,
        size_bytes=made.length,
        url=f"{API}/downloads/{made.key}/{made.name}",
    )


def _tile(study_id: int, found: list[catalog.SelectedFile]) -> ContactTile:
    """Choose the first image, or a mask where there is nothing else."""
    images = [row for row in found if row.kind == "image"] or found
    first = images[0] if images else None
    return ContactTile(
        study_id=study_id,
        file_id=first.file_id if first else None,
        path=first.path if first else "",
        n_found=len(images),
        url=f"{API}/slices/{first.file_id}.png" if first else None,
    )


ROUTES = [export_table, prepare_download, send_download, contact_sheet, draw_slice]
