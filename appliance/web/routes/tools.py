"""Routes of predefined jobs, and of the Boutiques descriptors that people bring."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath

from appliance.core import Conflict
from appliance.jobs import Tool, ToolFolder, missing_of
from appliance.web.schemas import Items
from appliance.web.schemas.tools import ToolFile, ToolRow
from appliance.web.services import Rooms, Services

__all__ = ["ROUTES"]

_MAX_BYTES = 2_000_001


@get("/tools", right="reader", within="open", sync_to_thread=True)
def list_tools(services: Rooms) -> Items[ToolRow]:
    """List the predefined jobs, in the order of the menu; what cannot run here says why."""
    return Items([_row(tool) for tool in services.tools.tools()])


@get("/tools/descriptors", right="admin", sync_to_thread=True)
def list_descriptors(services: Rooms) -> Items[ToolFile]:
    """List the descriptors that people brought, with what is wrong with those refused."""
    rows = services.tools.brought()
    return Items([ToolFile(**msgspec.structs.asdict(row)) for row in rows])


@post("/tools/descriptors", right="admin", request_max_body_size=_MAX_BYTES)
async def bring_descriptor(services: Rooms, request: Request[Any, Any, Any]) -> ToolRow:
    """Take in the raw body as a Boutiques 0.5 descriptor; one of the same id is replaced."""
    return _row(services.tools.bring(await request.body()))


@get("/tools/descriptors/{tool:str}", right="reader", within="open", sync_to_thread=True)
def give_descriptor(services: Rooms, tool: FromPath[str]) -> Response[bytes]:
    """Give a descriptor as it was brought."""
    return Response(_folder(services).text(tool), media_type="application/json")


@delete("/tools/descriptors/{tool:str}", right="admin", status_code=204, sync_to_thread=True)
def remove_descriptor(services: Rooms, tool: FromPath[str]) -> None:
    """Take a tool off the menu; jobs that use it keep what they need of it."""
    _folder(services).remove(tool)


def _row(tool: Tool) -> ToolRow:
    return ToolRow(
        id=tool.id,
        menu=tool.menu,
        name=tool.name,
        description=tool.description,
        level=tool.level,
        args=list(tool.args),
        resources=tool.resources,
        version=tool.version,
        queue=tool.queue,
        source=tool.source,
        missing=missing_of(tool),
    )


def _folder(services: Services) -> ToolFolder:
    if services.tools.folder is None:
        raise Conflict("this appliance takes no descriptors")
    return services.tools.folder


ROUTES = [list_tools, list_descriptors, bring_descriptor, give_descriptor, remove_descriptor]
