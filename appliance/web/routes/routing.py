"""Routes of the rules by which arrivals are led to projects, and of what is sent on."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import get, post, put
from litestar.params import FromQuery, JSONBody, QueryParameter

from appliance import exchange
from appliance.core import iso
from appliance.web.schemas import (
    Done,
    ForwardAgain,
    ForwardRow,
    Items,
    RoutesKept,
    RouteTable,
    RouteTrial,
    RouteTriedRow,
)
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]


@get("/routes", right="admin", sync_to_thread=True)
def show_routes(services: Rooms) -> RouteTable:
    """Give the rules by which arrivals are led to projects."""
    return _table(services, services.importer.routing.table())


@put("/routes", right="admin", sync_to_thread=True)
def keep_routes(services: Rooms, who: Who, data: JSONBody[RoutesKept]) -> RouteTable:
    """Replace the rules; refused when somebody changed them meanwhile."""
    return _table(services, services.importer.routing.keep(data.routes, data.rev, who.login))


@post("/routes/try", right="admin", status_code=200, sync_to_thread=True)
def try_routes(services: Rooms, data: JSONBody[RouteTrial]) -> Items[RouteTriedRow]:
    """Tell which rule would take each series of the last arrivals; nothing is changed."""
    routing = services.importer.routing
    routes = routing.table().routes if data.routes is None else data.routes
    found = routing.try_on(routes, data.limit)
    return Items(
        [RouteTriedRow(**_facts(one) | {"at": iso(one.at), "missed": one.missed}) for one in found]
    )


@get("/forwards", right="admin", sync_to_thread=True)
def list_forwards(
    services: Rooms,
    in_state: Annotated[str, QueryParameter(name="state")] = "",
    limit: FromQuery[int] = 200,
) -> Items[ForwardRow]:
    """List what rules send on to archives, newest first."""
    found = services.importer.forwards.listed(in_state, limit)
    return Items([_forward(one) for one in found])


@post("/forwards/retry", right="admin", status_code=200, sync_to_thread=True)
def retry_forwards(services: Rooms, data: JSONBody[ForwardAgain]) -> Done:
    """Send again what failed or was held: one, or all."""
    return Done(services.importer.forwards.again(data.key))


def _table(services: Services, table: exchange.RouteTable) -> RouteTable:
    nodes = services.settings.pacs.nodes
    return RouteTable(
        routes=list(table.routes),
        rev=table.rev,
        problems=table.problems,
        fields=list(exchange.ARRIVAL_FIELDS),
        nodes={name: node.push for name, node in sorted(nodes.items())},
    )


def _facts(one: exchange.RouteTried) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _forward(one: exchange.Forward) -> ForwardRow:
    facts = msgspec.structs.asdict(one)
    times = {"created_at": iso(one.created_at), "updated_at": iso(one.updated_at)}
    return ForwardRow(**facts | times)


ROUTES = [show_routes, keep_routes, try_routes, list_forwards, retry_forwards]
