"""Routes of named documents: saved views, layouts and autoloaders."""

from __future__ import annotations

from typing import Any, Literal

from litestar import delete, get, put
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog
from appliance.web import views
from appliance.web.schemas import Items, NamedDoc, OperationDone
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]

Kind = Literal["view", "layout", "autoloader", "metaview", "query"]


@get("/docs/{kind:str}", right="reader", within="shared", sync_to_thread=True)
def list_docs(
    services: Rooms, kind: FromPath[Kind], project: FromQuery[str | None] = None
) -> Items[NamedDoc]:
    """List the documents of a kind: the project's own and those for all projects."""
    with services.catalog.read() as con:
        found = catalog.list_docs(con, kind, project_id=_project_id(services, project))
    return views.items(found, views.document)


@get("/docs/{kind:str}/{name:str}", right="reader", within="shared", sync_to_thread=True)
def show_doc(
    services: Rooms,
    kind: FromPath[Kind],
    name: FromPath[str],
    project: FromQuery[str | None] = None,
) -> NamedDoc:
    """Give a document."""
    project_id = _project_id(services, project)
    with services.catalog.read() as con:
        return views.document(catalog.get_doc(con, kind, name, project_id=project_id))


@put("/docs/{kind:str}/{name:str}", right="editor", within="shared", sync_to_thread=True)
def put_doc(
    services: Rooms,
    who: Who,
    *,
    kind: FromPath[Kind],
    name: FromPath[str],
    data: JSONBody[dict[str, Any]],
    project: FromQuery[str | None] = None,
    rev: FromQuery[int | None] = None,
) -> NamedDoc:
    """Make or replace a document; with `rev` only if nobody changed it meanwhile."""
    project_id = _project_id(services, project)
    return views.document(
        services.catalog.write(
            lambda tx: catalog.put_doc(
                tx, kind, name, data, project_id=project_id, rev=rev, actor=who.login
            )
        )
    )


@delete(
    "/docs/{kind:str}/{name:str}",
    right="editor",
    within="shared",
    status_code=200,
    sync_to_thread=True,
)
def delete_doc(
    services: Rooms,
    who: Who,
    kind: FromPath[Kind],
    name: FromPath[str],
    project: FromQuery[str | None] = None,
) -> OperationDone:
    """Remove a document."""
    project_id = _project_id(services, project)
    operation = services.catalog.write(
        lambda tx: catalog.delete_doc(tx, kind, name, project_id=project_id, actor=who.login)
    )
    return OperationDone(operation, 1)


def _project_id(services: Services, name: str | None) -> int | None:
    if name is None:
        return None
    with services.catalog.read() as con:
        return catalog.get_project(con, name).id


ROUTES = [list_docs, show_doc, put_doc, delete_doc]
