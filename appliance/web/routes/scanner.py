"""Routes of what is in the scanner now, of protocols, and of the figures of phantoms."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from appliance import catalog, exchange
from appliance.core import iso
from appliance.web.schemas import (
    Items,
    PhantomRow,
    ProtocolFacts,
    ProtocolKept,
    ProtocolLearn,
    SessionRow,
    SessionSeries,
)
from appliance.web.scope import visible
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]

_MOST_HOURS = 24 * 31


@get("/sessions", right="reader", within="handler", sync_to_thread=True)
def list_sessions(
    services: Rooms, who: Who, hours: Annotated[float, QueryParameter(gt=0, le=_MOST_HOURS)] = 12
) -> Items[SessionRow]:
    """Give the sessions of the last hours with their series, figures and what is missing."""
    with services.catalog.read() as con:
        found = exchange.sessions_now(con, hours, visible(who))
    return Items([_session(one) for one in found])


@get("/projects/{project:str}/protocol", right="reader", sync_to_thread=True)
def show_protocol(services: Rooms, project: FromPath[str]) -> ProtocolFacts:
    """Give what the sessions of a project should bring."""
    return _kept(services, project)


@put("/projects/{project:str}/protocol", right="manage", sync_to_thread=True)
def keep_protocol(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[ProtocolKept]
) -> ProtocolFacts:
    """Replace the protocol of a project; refused when somebody changed it meanwhile."""
    wanted = exchange.Protocol(
        series=tuple(data.series), learned_from=data.learned_from, rev=data.rev
    )
    return _keep(services, who.login, project, wanted)


@post("/projects/{project:str}/protocol/learn", right="manage", sync_to_thread=True)
def learn_protocol(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[ProtocolLearn]
) -> ProtocolFacts:
    """Take the protocol of a project from a good session."""
    with services.catalog.read() as con:
        wanted = exchange.learn(con, catalog.get_project(con, project).id, data.psid)
    return _keep(services, who.login, project, wanted)


@get("/projects/{project:str}/phantoms", right="reader", sync_to_thread=True)
def list_phantoms(services: Rooms, project: FromPath[str]) -> Items[PhantomRow]:
    """Give the figures of a project's phantom measurements, the oldest first."""
    with services.catalog.read() as con:
        found = exchange.phantom_trend(con, catalog.get_project(con, project).id)
    return Items([PhantomRow(**_facts(one) | {"at": iso(one.at)}) for one in found])


def _keep(services: Services, login: str, project: str, wanted: exchange.Protocol) -> ProtocolFacts:
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
    services.catalog.write(lambda tx: exchange.keep_protocol(tx, project_id, wanted, login))
    return _kept(services, project)


def _kept(services: Services, project: str) -> ProtocolFacts:
    with services.catalog.read() as con:
        found = exchange.kept_protocol(con, catalog.get_project(con, project).id)
    return ProtocolFacts(series=list(found.series), learned_from=found.learned_from, rev=found.rev)


def _session(one: exchange.SessionNow) -> SessionRow:
    series = [SessionSeries(**_facts(row) | {"at": iso(row.at)}) for row in one.series]
    times = {"begun_at": iso(one.begun_at), "last_at": iso(one.last_at)}
    return SessionRow(**_facts(one) | times | {"series": series})


def _facts(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


ROUTES = [list_sessions, show_protocol, keep_protocol, learn_protocol, list_phantoms]
