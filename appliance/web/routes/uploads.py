"""Routes by which files come in: a streamed upload, and a path on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.params import FromQuery, JSONBody

from appliance.catalog import Caller
from appliance.web import arrivals
from appliance.web.schemas import ImportRequest, Receipt
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
) -> Receipt:
    """Take the raw body as one file; a zip is unpacked. Acknowledged when it is on disk."""
    size = request.headers.get("content-length", "")
    upload = await asyncio.to_thread(
        services.importer.begin_upload,
        project,
        filename,
        subject=subject,
        study=study,
        size_bytes=int(size) if size.isascii() and size.isdigit() else None,
    )
    return arrivals.receipt(await upload.receive(request.stream()))


@post("/imports", right="admin", status_code=202, sync_to_thread=True)
def import_path(services: Rooms, data: JSONBody[ImportRequest]) -> Receipt:
    """Import a file or folder of the machine that the service runs on."""
    options = msgspec.structs.asdict(data)
    project, path = options.pop("project"), Path(options.pop("path"))
    return arrivals.receipt(services.importer.import_path(project, path, **options))


ROUTES = [upload_file, import_path]
