"""Routes by which files come in: uploads, whole or in parts, and a path on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from litestar import Request, delete, get, post, put
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import exchange
from appliance.catalog import Caller
from appliance.web import arrivals
from appliance.web.schemas import ImportRequest, Receipt, UploadState
from appliance.web.services import Rooms

__all__ = ["ROUTES"]


@post("/uploads", right="editor", within="project", status_code=202, request_max_body_size=None)
async def upload_file(
    services: Rooms,
    request: Request[Caller, str, State],
    *,
    project: FromQuery[str],
    filename: FromQuery[str],
    subject: FromQuery[str | None] = None,
    study: FromQuery[str | None] = None,
    native: FromQuery[bool] = False,
) -> Receipt:
    """Take the raw body as one file; a zip is unpacked. Acknowledged when it is on disk."""
    size = request.headers.get("content-length", "")
    upload = await asyncio.to_thread(
        services.importer.begin_upload,
        project,
        filename,
        subject=subject,
        study=study,
        native=native,
        size_bytes=int(size) if size.isascii() and size.isdigit() else None,
    )
    return arrivals.receipt(await upload.receive(request.stream()))


@post("/uploads/parts", right="editor", within="project", sync_to_thread=True)
def begin_upload(
    services: Rooms,
    *,
    project: FromQuery[str],
    filename: FromQuery[str],
    size_bytes: FromQuery[int],
    subject: FromQuery[str | None] = None,
    study: FromQuery[str | None] = None,
    native: FromQuery[bool] = False,
    sha256: FromQuery[str] = "",
) -> UploadState:
    """Begin an upload whose bytes come in parts; a checksum of the whole is checked at the end."""
    begin = services.importer.uploads.begin
    options = exchange.target_options(subject, study, native=native)
    return arrivals.upload_state(begin(project, filename, size_bytes, options, sha256=sha256))


@get("/uploads/{key:str}", right="reader", within="receipt", sync_to_thread=True)
def show_upload(services: Rooms, key: FromPath[str]) -> UploadState:
    """Tell how many bytes of an upload are safe, and so where to go on."""
    return arrivals.upload_state(services.importer.uploads.state(key))


@put("/uploads/{key:str}", right="editor", within="receipt", request_max_body_size=None)
async def send_part(
    services: Rooms,
    request: Request[Caller, str, State],
    key: FromPath[str],
    *,
    offset: FromQuery[int],
    sha256: FromQuery[str] = "",
) -> UploadState:
    """Take the raw body as the part that begins at an offset; safe when this answers."""
    receive = services.importer.uploads.receive
    return arrivals.upload_state(await receive(key, offset, request.stream(), sha256))


@delete("/uploads/{key:str}", right="editor", within="receipt", sync_to_thread=True)
def give_up_upload(services: Rooms, key: FromPath[str]) -> None:
    """Give an upload up, and remove what came of it."""
    services.importer.uploads.give_up(key)


@post("/imports", right="admin", status_code=202, sync_to_thread=True)
def import_path(services: Rooms, data: JSONBody[ImportRequest]) -> Receipt:
    """Import a file or folder of the machine that the service runs on."""
    options = msgspec.structs.asdict(data)
    project, path = options.pop("project"), Path(options.pop("path"))
    return arrivals.receipt(services.importer.import_path(project, path, **options))


ROUTES = [upload_file, begin_upload, show_upload, send_part, give_up_upload, import_path]
