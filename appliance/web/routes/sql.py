"""Routes of SQL: DuckDB over one project's metadata, and SQLite over the catalog for the owner."""

from __future__ import annotations

from litestar import Request, post
from litestar.datastructures import State
from litestar.params import FromPath, JSONBody

from appliance import catalog, upkeep
from appliance.catalog import Caller, SqlStop
from appliance.jobs import SQL_VIEWS
from appliance.web.schemas import MetaSqlRequest, MetaSqlResult, SqlRequest, SqlResult
from appliance.web.scope import check_project
from appliance.web.services import Rooms, Services, Who
from appliance.web.watching import while_connected

__all__ = ["ROUTES"]

_Request = Request[Caller, str, State]
_MOST_ROWS = 100_000
_MOST_SECONDS = 60.0


@post("/projects/{project:str}/sql", right="reader", status_code=200)
async def run_meta_sql(
    request: _Request,
    services: Rooms,
    who: Who,
    project: FromPath[str],
    data: JSONBody[MetaSqlRequest],
) -> MetaSqlResult:
    """Run one SELECT over the metadata of a project, until the caller closes the connection."""
    stop = SqlStop()
    return await while_connected(
        request, lambda: _meta_sql(services, who, project, data, stop), stop.stop
    )


@post("/sql", right="admin", status_code=200)
async def run_sql(request: _Request, services: Rooms, data: JSONBody[SqlRequest]) -> SqlResult:
    """Run one SELECT on the catalog, with our names of tables or NORA's."""
    stop = SqlStop()
    return await while_connected(request, lambda: _sql(services, data, stop), stop.stop)


def _meta_sql(
    services: Services, who: Caller, project: str, data: MetaSqlRequest, stop: SqlStop
) -> MetaSqlResult:
    with services.catalog.read() as con:
        check_project(con, who, project)
        found = catalog.get_project(con, project)
    answer = catalog.meta_sql(
        services.meta,
        found,
        data.sql,
        max_rows=max(1, min(data.max_rows, _MOST_ROWS)),
        seconds=max(0.5, min(data.seconds, _MOST_SECONDS)),
        stop=stop,
    )
    return MetaSqlResult(answer.columns, answer.rows, answer.truncated, answer.wall_s)


def _sql(services: Services, data: SqlRequest, stop: SqlStop) -> SqlResult:
    project_id = None
    if data.project is not None:
        with services.catalog.read() as con:
            project_id = catalog.get_project(con, data.project).id
    path = services.catalog.path
    views = {**SQL_VIEWS, **upkeep.SQL_VIEWS}
    found = catalog.run_sql(path, data.sql, project_id=project_id, views=views, stop=stop)
    return SqlResult(found.columns, found.rows, found.truncated)


ROUTES = [run_meta_sql, run_sql]
