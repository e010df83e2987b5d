"""Routes that let programs speak in names: subjects, studies, places of outputs, new contents."""

from __future__ import annotations

import asyncio

from litestar import Request, post, put
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, JSONBody

from appliance.catalog import Caller
from appliance.web import programs, storing, views
from appliance.web.schemas import FileRow, Items
from appliance.web.schemas.programs import Named, NamesRequest, Output, OutputRequest
from appliance.web.scope import check_project
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post(
    "/projects/{project:str}/names", right="reader", job=True, status_code=200, sync_to_thread=True
)
def resolve_names(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[NamesRequest]
) -> Items[Named]:
    """Find subjects and studies by their exact names."""
    with services.catalog.read() as con:
        check_project(con, who, project)
        return Items(programs.resolve(con, project, data.names))


@post(
    "/projects/{project:str}/outputs",
    right="reader",
    job=True,
    status_code=200,
    sync_to_thread=True,
)
def place_outputs(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[OutputRequest]
) -> Items[Output]:
    """Tell where an output belongs in each study that is meant."""
    with services.catalog.read() as con:
        check_project(con, who, project)
        return Items(programs.outputs(services.folder, con, project, data))


@put("/projects/{project:str}/content", right="editor", status_code=201, request_max_body_size=None)
async def store_content(
    services: Rooms,
    request: Request[Caller, str, State],
    *,
    project: FromPath[str],
    study: FromQuery[str],
    path: FromQuery[str],
    tags: FromQuery[list[str] | None] = None,
    overwrite: FromQuery[bool] = False,
) -> FileRow:
    """Take the raw body as one file of a study. Acknowledged when it is on disk."""
    place = await asyncio.to_thread(
        storing.Place.find, services, request.user, project, study, path, overwrite=overwrite
    )
    stored = await storing.receive(services, place, request.stream(), tags or [])
    return views.file_row(stored)


ROUTES = [resolve_names, place_outputs, store_content]
