"""Routes of batches: tried, started, checked, found by name in code; and their queues."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from appliance import jobs
from appliance.web import work
from appliance.web.schemas import (
    BatchAccepted,
    BatchCheck,
    BatchChecked,
    BatchRequest,
    BatchRow,
    BatchShown,
    CodeReference,
    CodeReferences,
    DryRun,
    Items,
    ReferencesRequest,
)
from appliance.web.scope import check_project
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post("/batches", right="batch", within="handler", status_code=202, sync_to_thread=True)
def submit_batch(
    services: Rooms, who: Who, data: JSONBody[BatchRequest]
) -> Response[BatchAccepted | DryRun]:
    """Start a batch on some studies, or tell with `dry_run` what each job would get."""
    with services.catalog.read() as con:
        check_project(con, who, data.project)
    if data.dry_run:
        rows = services.scheduler.desk.dry_run(work.batch_spec(data), data.targets, who.login)
        return Response(work.tried(rows, data.limit), status_code=200)
    done = services.scheduler.submit_batch(work.batch_spec(data), data.targets, who.login)
    return Response(work.accepted(done), status_code=202)


@post("/batches/dry-run", right="batch", within="handler", status_code=200, sync_to_thread=True)
def try_batch(services: Rooms, who: Who, data: JSONBody[BatchRequest]) -> Stream:
    """Tell what each job of a batch would get, bit by bit: each line is a DryPiece as JSON.

    Who hangs up stops it. The last line has as many `n` as `total`.
    """
    with services.catalog.read() as con:
        check_project(con, who, data.project)
    found = services.scheduler.desk.dry_pieces(work.batch_spec(data), data.targets, who.login)
    return Stream(work.tried_lines(found, data.limit), media_type="application/x-ndjson")


@get("/batches", right="reader", within="project", sync_to_thread=True)
def list_batches(
    services: Rooms, project: FromQuery[str], limit: FromQuery[int] = 200
) -> Items[BatchRow]:
    """List the batches of a project that were started, newest first."""
    found = services.scheduler.desk.batches(project, limit=max(1, min(limit, 1000)))
    return Items([work.batch_row(one) for one in found])


@get("/batches/{key:str}", right="reader", within="batch", sync_to_thread=True)
def show_batch(services: Rooms, key: FromPath[str]) -> BatchShown:
    """Give a batch that was started, with its description and its targets."""
    return work.batch_shown(services.scheduler.desk.batch(key))


@post("/batches/check", right="batch", within="handler", status_code=200, sync_to_thread=True)
def check_batch(services: Rooms, who: Who, data: JSONBody[BatchCheck]) -> BatchChecked:
    """Read a description of a batch, such as an imported file; say what is wrong with its jobs."""
    with services.catalog.read() as con:
        check_project(con, who, data.project)
    template = jobs.template_of(data.batch)
    problems = services.scheduler.desk.check(template.spec(data.project), who.login)
    return BatchChecked(work.plain(template), problems)


@get("/queues", right="reader", within="open", sync_to_thread=True)
def list_queues(services: Rooms) -> Items[str]:
    """List the names of the queues that jobs may be put in; the first is the default."""
    return Items(list(services.settings.jobs.queues))


@post("/batches/references", right="batch", within="open", status_code=200, sync_to_thread=True)
def find_references(data: JSONBody[ReferencesRequest]) -> CodeReferences:
    """Find the ``$f1`` … references in code."""
    found = jobs.find_references(data.language, data.code)
    return CodeReferences([CodeReference(arg.id, arg.kind) for arg in found])


ROUTES = [
    submit_batch,
    try_batch,
    list_batches,
    show_batch,
    check_batch,
    find_references,
    list_queues,
]
