"""Routes of SQL: DuckDB over one project's metadata, and SQLite over the catalog for the owner."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath, JSONBody

from appliance import catalog
from appliance.jobs import SQL_VIEWS
from appliance.web.schemas import MetaSqlRequest, MetaSqlResult, SqlRequest, SqlResult
from appliance.web.scope import check_project
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]

_MOST_ROWS = 100_000
_MOST_SECONDS = 60.0


@post("/projects/{project:str}/sql", right="reader", status_code=200, sync_to_thread=True)
def run_meta_sql(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[MetaSqlRequest]
) -> MetaSqlResult:
    """Run one SELECT over the metadata of a project, in a process of its own."""
    with services.catalog.read() as con:
        check_project(con, who, project)
        found = catalog.get_project(con, project)
    answer = catalog.meta_sql(
        services.meta,
        found,
        data.sql,
        max_rows=max(1, min(data.max_rows, _MOST_ROWS)),
        seconds=max(0.5, min(data.seconds, _MOST_SECONDS)),
    )
    return MetaSqlResult(answer.columns, answer.rows, answer.truncated, answer.wall_s)


@post("/sql", right="admin", status_code=200, sync_to_thread=True)
def run_sql(services: Rooms, data: JSONBody[SqlRequest]) -> SqlResult:
    """Run one SELECT on the catalog, with our names of tables or NORA's."""
    project_id = None
    if data.project is not None:
        with services.catalog.read() as con:
            project_id = catalog.get_project(con, data.project).id
    path = services.catalog.path
    found = catalog.run_sql(path, data.sql, project_id=project_id, views=SQL_VIEWS)
    return SqlResult(found.columns, found.rows, found.truncated)


ROUTES = [run_meta_sql, run_sql]
