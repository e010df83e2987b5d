"""Routes of saved batches, and of the names for studies that batches use."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import delete, get, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance import catalog, jobs
from appliance.catalog import Caller
from appliance.jobs import Asker, Variable
from appliance.web import work
from appliance.web.schemas import Items, OperationDone, SavedBatch, Variables, VariableValue
from appliance.web.scope import rights_in
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]


@get("/batches/saved", right="reader", within="project", sync_to_thread=True)
def list_saved_batches(services: Rooms, who: Who, project: FromQuery[str]) -> Items[SavedBatch]:
    """List the caller's own saved batches and those for all of a project."""
    project_id, asker = _asked(services, who, project)
    with services.catalog.read() as con:
        found = jobs.list_saved(con, project_id, asker)
    return Items([work.saved(one) for one in found])


@put("/batches/saved/{name:str}", right="batch", within="project", sync_to_thread=True)
def save_batch(
    services: Rooms,
    who: Who,
    *,
    name: FromPath[str],
    project: FromQuery[str],
    data: JSONBody[dict[str, Any]],
    private: FromQuery[bool] = False,
) -> SavedBatch:
    """Keep a batch under a name, for all of the project or `private`."""
    project_id, asker = _asked(services, who, project)
    return work.saved(
        jobs.save_batch(services.catalog, project_id, asker, name, data, private=private)
    )


@delete(
    "/batches/saved/{name:str}",
    right="batch",
    within="project",
    status_code=200,
    sync_to_thread=True,
)
def forget_batch(
    services: Rooms,
    who: Who,
    name: FromPath[str],
    project: FromQuery[str],
    private: FromQuery[bool] = False,
) -> OperationDone:
    """Remove a saved batch."""
    project_id, asker = _asked(services, who, project)
    operation = jobs.forget_saved(services.catalog, project_id, asker, name, private=private)
    return OperationDone(operation, 1)


@get("/batches/variables", right="reader", within="project", sync_to_thread=True)
def list_variables(services: Rooms, who: Who, project: FromQuery[str]) -> Variables:
    """List the names for studies that the caller's batches know in a project."""
    project_id, asker = _asked(services, who, project)
    with services.catalog.read() as con:
        return Variables(jobs.list_variables(con, project_id, asker.login))


@put("/batches/variables/{name:str}", right="batch", within="project", sync_to_thread=True)
def set_variable(
    services: Rooms,
    who: Who,
    name: FromPath[str],
    project: FromQuery[str],
    data: JSONBody[VariableValue],
) -> Variable:
    """Let a name stand for studies, for the caller or for all of the project."""
    project_id, asker = _asked(services, who, project)
    variable = Variable(name, data.value, data.scope)
    return jobs.set_variable(services.catalog, project_id, asker.login, variable)


@delete(
    "/batches/variables/{name:str}",
    right="batch",
    within="project",
    status_code=200,
    sync_to_thread=True,
)
def forget_variable(
    services: Rooms,
    who: Who,
    name: FromPath[str],
    project: FromQuery[str],
    *,
    whose: Annotated[Literal["user", "project"], QueryParameter(name="scope")] = "user",
) -> OperationDone:
    """Forget a name for studies."""
    project_id, asker = _asked(services, who, project)
    operation = jobs.forget_variable(services.catalog, project_id, asker.login, name, whose)
    return OperationDone(operation, 1)


def _asked(services: Services, who: Caller, project: str) -> tuple[int, Asker]:
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
    return project_id, Asker(who.login, "manage" in rights_in(who, project_id))


ROUTES = [
    list_saved_batches,
    save_batch,
    forget_batch,
    list_variables,
    set_variable,
    forget_variable,
]
