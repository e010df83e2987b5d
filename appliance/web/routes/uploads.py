"""Routes by which files come in: a streamed upload, and a path on this machine."""

from __future__ import annotations

from litestar import Request, post
from litestar.datastructures import State
from litestar.params import FromQuery, JSONBody

from appliance.catalog import Caller
from appliance.web import arrivals
from appliance.web.schemas import ImportRequest, Receipt
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post("/uploads", right="editor", status_code=202, request_max_body_size=None)
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
    return arrivals.receipt(
        await arrivals.take_upload(
            services.importer, request.stream(), project, filename, subject=subject, study=study
        )
    )


@post("/imports", right="admin", status_code=202, sync_to_thread=True)
def import_path(services: Rooms, who: Who, data: JSONBody[ImportRequest]) -> Receipt:
    """Import a file or folder of the machine that the service runs on."""
    return arrivals.receipt(arrivals.import_path(services, data, actor=who.login))


ROUTES = [upload_file, import_path]
