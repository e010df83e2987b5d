"""Routes of jobs: the table, one job with its executions, its log, and what can be done to it."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance.jobs import JobQuery
from appliance.web import views, work
from appliance.web.schemas import (
    JobAction,
    JobActions,
    JobActionsDone,
    JobDetail,
    JobRow,
    Log,
    Page,
)
from appliance.web.scope import visible
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/jobs", right="reader", within="handler", sync_to_thread=True)
def list_jobs(
    services: Rooms,
    who: Who,
    *,
    letters: Annotated[
        str, QueryParameter(name="state", pattern="^(all|dismissed|[qredk]+)$")
    ] = "all",
    project: FromQuery[str | None] = None,
    batch: FromQuery[str | None] = None,
    study_id: FromQuery[int | None] = None,
    search: FromQuery[str] = "",
    filters: Annotated[list[str] | None, QueryParameter(name="filter")] = None,
    sort: FromQuery[str] = "-created",
    after: FromQuery[str | None] = None,
    offset: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
) -> Page[JobRow]:
    """Give one page of jobs, newest first; imports are rows of queue DPXimport.

    `state` is letters such as ``qre``, or ``all`` or ``dismissed``. `filter` may be given several
    times, as ``column:what``: ``name:smooth*``, ``owner:=anna``, ``wall_s:>60``, ``why:!memory``,
    ``started:2026-11-21``, ``created:>2h``. `sort` is a column, with ``-`` the largest first.
    A page begins behind the cursor `after`, or at the row with number `offset`.
    """
    query = JobQuery(
        project=project,
        project_ids=visible(who),
        letters=letters,
        batch=batch,
        study_id=study_id,
        search=search,
        filters=tuple(filters or ()),
        sort=sort,
        after=after,
        offset=offset,
        limit=limit,
    )
    return views.page(services.scheduler.job_rows(query), work.row)


@get("/jobs/{key:str}", right="reader", within="job", sync_to_thread=True)
def show_job(services: Rooms, key: FromPath[str]) -> JobDetail:
    """Give one job with its specification, executions, files and history."""
    return work.detail(services.scheduler.job_detail(key))


@get("/jobs/{key:str}/log", right="reader", within="job", sync_to_thread=True)
def read_log(
    services: Rooms,
    key: FromPath[str],
    offset: Annotated[int, QueryParameter(ge=0)] = 0,
    attempt: FromQuery[int | None] = None,
) -> Log:
    """Give the log of a job, of its latest execution by default, from an offset on."""
    piece = services.scheduler.read_log(key, attempt=attempt, offset=offset)
    return Log(piece.text, piece.offset, piece.done)


@post(
    "/jobs/{key:str}/{action:str}",
    right="batch",
    within="job",
    status_code=202,
    sync_to_thread=True,
)
def act_on_job(
    services: Rooms, who: Who, key: FromPath[str], action: FromPath[JobAction]
) -> JobRow:
    """Cancel, suspend, resume, retry, dismiss or restore a job."""
    services.scheduler.act(key, action, who.login)
    return work.row(services.scheduler.job_detail(key).row)


@post("/jobs/actions", right="batch", within="handler", status_code=200, sync_to_thread=True)
def act_on_jobs(services: Rooms, who: Who, data: JSONBody[JobActions]) -> JobActionsDone:
    """Do one thing to many jobs; those that refuse are named with the reason."""
    what = work.chosen(services, who, data.keys, data.where)
    outcome = services.scheduler.desk.act(what, data.action, who.login)
    refused = services.scheduler.act_on_many(outcome.unknown, data.action, who.login)
    return work.acted(outcome, refused)


ROUTES = [list_jobs, show_job, read_log, act_on_job, act_on_jobs]
