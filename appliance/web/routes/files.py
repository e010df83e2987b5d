"""Routes of files: their rows, their bytes, their form for the viewer, and their previews."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import get, route
from litestar.params import FromPath, FromQuery

from appliance import catalog, jobs
from appliance.catalog import Caller
from appliance.core import NotFound, Refused, is_folder_file
from appliance.web import views
from appliance.web.checking import let_file_go
from appliance.web.downloads import ContentAnswer, Prepared, pack_one
from appliance.web.schemas import FileRow, StudyRow
from appliance.web.scope import check_ids, rights_in
from appliance.web.services import Rooms, Services, Who
from appliance.web.transfer import Download, FileAnswer

__all__ = ["ROUTES"]

_SHOWN_AS_THEY_ARE = frozenset({"surface", "streamlines", "json", "text", "table"})
_BYTES: dict[str, Any] = {
    "http_method": ["GET", "HEAD"],
    "right": "reader",
    "sync_to_thread": False,
    "include_in_schema": False,
}


@get("/files/{file_id:int}", right="reader", job=True, sync_to_thread=True)
def show_file(services: Rooms, who: Who, file_id: FromPath[int]) -> FileRow:
    """Give one file."""
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        mark = jobs.stale_texts(con, [file_id]).get(file_id)
        return views.file_row(catalog.get_file(con, file_id), mark)


@get("/studies/{study_id:int}", right="reader", job=True, sync_to_thread=True)
def show_study(services: Rooms, who: Who, study_id: FromPath[int]) -> StudyRow:
    """Give one study."""
    with services.catalog.read() as con:
        check_ids(con, who, "study", [study_id])
        return views.study_row(catalog.get_study(con, study_id))


@route("/files/{file_id:int}/{name:str}", job=True, **_BYTES)
def content(services: Rooms, who: Who, file_id: FromPath[int]) -> ContentAnswer:
    """Send the bytes of a file, with ranges; a pyramid, which is a folder, as an archive."""
    return ContentAnswer(lambda: _content(services, who, file_id))


@route("/volumes/{file_id:int}/{name:str}", job=True, **_BYTES)
def volume(
    services: Rooms, who: Who, file_id: FromPath[int], part: FromQuery[str] = "magnitude"
) -> FileAnswer:
    """Send an image as plain NIfTI-1, with ranges; of complex values one part."""
    return FileAnswer(lambda: _volume(services, who, file_id, part))


@route("/previews/{name:str}", within="handler", **_BYTES)
def preview(services: Rooms, who: Who, name: FromPath[str]) -> FileAnswer:
    """Send the preview picture of an image."""
    return FileAnswer(lambda: _preview(services, who, name))


def _find(services: Services, who: Caller, file_id: int) -> tuple[catalog.FileRow, Path]:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
        row = catalog.get_file(con, file_id)
    return row, catalog.file_path(services.folder, row)


def _content(services: Services, who: Caller, file_id: int) -> Download | Prepared:
    """Give the bytes as they are: for jobs, and with the right to take files away.

    Surfaces and streamlines are shown out of their own bytes, and so are small texts; all else
    leaves, and waits for a confirmation where the project lets nothing leave without one.
    """
    row, path = _find(services, who, file_id)
    may_take = who.job_key is not None or "download" in rights_in(who, row.project_id)
    if not may_take and row.kind not in _SHOWN_AS_THEY_ARE:
        raise Refused("this needs the right 'download' in the project")
    if who.job_key is None and row.kind not in _SHOWN_AS_THEY_ARE:
        let_file_go(services, who, row)
    if is_folder_file(path):
        return pack_one(services.folder, row, who.login)
    return Download(path, row.name)


def _volume(services: Services, who: Caller, file_id: int, part: str) -> Download:
    from appliance.formats import complex_part
    from appliance.viewing import display_volume

    row, path = _find(services, who, file_id)
    shown = display_volume(services.folder, row, path, complex_part(part))
    version = "" if shown == path else row.version  # the cache touches its entries
    return Download(shown, views.volume_name(row.name), version=version)


def _preview(services: Services, who: Caller, name: str) -> Download:
    from appliance.viewing import preview_image

    number, dot, suffix = name.partition(".")
    if not number.isascii() or not number.isdigit() or dot + suffix != ".png":
        raise NotFound("previews are named by a file's id, such as 12.png")
    row, path = _find(services, who, int(number))
    picture = preview_image(services.folder, row, path)
    return Download(picture, f"{row.id}.png", version=row.version)


ROUTES = [show_file, show_study, content, volume, preview]
