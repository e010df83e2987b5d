"""Routes of batches."""

from __future__ import annotations

from typing import Any

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog, jobs
from appliance.core import iso
from appliance.jobs import BatchSpec
from appliance.web import work
from appliance.web.schemas import (
    BatchAccepted,
    BatchRequest,
    CodeReference,
    CodeReferences,
    DryRun,
    Items,
    OperationDone,
    ReferencesRequest,
    SavedBatch,
)
from appliance.web.scope import check_project
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]


@post("/batches", right="batch", within="handler", status_code=202, sync_to_thread=True)
def submit_batch(
    services: Rooms, who: Who, data: JSONBody[BatchRequest]
) -> Response[BatchAccepted | DryRun]:
    """Start a batch on some studies, or tell with `dry_run` what each job would get."""
    with services.catalog.read() as con:
        check_project(con, who, data.project)
    if data.dry_run:
        rows = services.scheduler.dry_run(_spec(data), data.targets)
        return Response(DryRun(rows), status_code=200)
    done = services.scheduler.submit_batch(_spec(data), data.targets, who.login)
    return Response(work.accepted(done), status_code=202)


@post("/batches/references", right="batch", within="open", status_code=200, sync_to_thread=True)
def find_references(data: JSONBody[ReferencesRequest]) -> CodeReferences:
    """Find the ``$f1`` … references in code."""
    found = jobs.find_references(data.language, data.code)
    return CodeReferences([CodeReference(arg.id, arg.kind) for arg in found])


@get("/batches/saved", right="reader", within="project", sync_to_thread=True)
def list_saved_batches(services: Rooms, project: FromQuery[str]) -> Items[SavedBatch]:
    """List the saved batches of a project and those for all projects."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
        found = catalog.list_docs(con, "batch", project_id=project_id)
    return Items([_saved(doc) for doc in found])


@put("/batches/saved/{name:str}", right="batch", within="project", sync_to_thread=True)
def save_batch(
    services: Rooms,
    who: Who,
    name: FromPath[str],
    project: FromQuery[str],
    data: JSONBody[dict[str, Any]],
) -> SavedBatch:
    """Keep a batch under a name."""
    project_id = _project_id(services, project)
    return _saved(
        services.catalog.write(
            lambda tx: catalog.put_doc(
                tx, "batch", name, data, project_id=project_id, actor=who.login
            )
        )
    )


@delete(
    "/batches/saved/{name:str}",
    right="batch",
    within="project",
    status_code=200,
    sync_to_thread=True,
)
def forget_batch(
    services: Rooms, who: Who, name: FromPath[str], project: FromQuery[str]
) -> OperationDone:
    """Remove a saved batch."""
    project_id = _project_id(services, project)
    operation = services.catalog.write(
        lambda tx: catalog.delete_doc(tx, "batch", name, project_id=project_id, actor=who.login)
    )
    return OperationDone(operation, 1)


def _spec(data: BatchRequest) -> BatchSpec:
    return BatchSpec(
        name=data.name,
        project=data.project,
        jobs=tuple(data.jobs),
        level=data.level,
        mode=data.mode,
        queue=data.queue,
        on_error=data.on_error,
    )


def _saved(doc: catalog.Document) -> SavedBatch:
    return SavedBatch(name=doc.name, doc=doc.doc, updated_at=iso(doc.updated_at))


def _project_id(services: Services, name: str) -> int:
    with services.catalog.read() as con:
        return catalog.get_project(con, name).id


ROUTES = [submit_batch, find_references, list_saved_batches, save_batch, forget_batch]
