"""Routes of jobs: the table, one job with its executions, its log, and what can be done to it."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance.web import work
from appliance.web.schemas import (
    JobAction,
    JobActions,
    JobActionsDone,
    JobDetail,
    JobRow,
    Log,
    Page,
)
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]

Letter = Literal["q", "r", "e", "d", "k", "all"]


@get("/jobs", right="reader", sync_to_thread=True)
def list_jobs(
    services: Rooms,
    *,
    project: FromQuery[str | None] = None,
    letter: Annotated[Letter, QueryParameter(name="state")] = "all",
    batch: FromQuery[str | None] = None,
    search: FromQuery[str] = "",
    sort: FromQuery[str] = "-created",
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
) -> Page[JobRow]:
    """Give one page of jobs, newest first; imports are rows of queue DPXimport."""
    return work.list_jobs(
        services,
        project=project,
        state=letter,
        batch=batch,
        search=search,
        sort=sort,
        after=after,
        limit=limit,
    )


@get("/jobs/{key:str}", right="reader", sync_to_thread=True)
def show_job(services: Rooms, key: FromPath[str]) -> JobDetail:
    """Give one job with its specification, executions and files."""
    return work.show_job(services, key)


@get("/jobs/{key:str}/log", right="reader", sync_to_thread=True)
def read_log(
    services: Rooms,
    key: FromPath[str],
    offset: Annotated[int, QueryParameter(ge=0)] = 0,
    attempt: FromQuery[int | None] = None,
) -> Log:
    """Give the log of a job from an offset on."""
    return work.read_log(services, key, offset, attempt)


@post("/jobs/{key:str}/{action:str}", right="batch", status_code=202, sync_to_thread=True)
def act_on_job(
    services: Rooms, who: Who, key: FromPath[str], action: FromPath[JobAction]
) -> JobRow:
    """Cancel, suspend, resume, retry or dismiss a job."""
    return work.act(services, key, action, who.login)


@post("/jobs/actions", right="batch", status_code=200, sync_to_thread=True)
def act_on_jobs(services: Rooms, who: Who, data: JSONBody[JobActions]) -> JobActionsDone:
    """Do one thing to many jobs; those that cannot take it are named."""
    return work.act_on_many(services, data.keys, data.action, who.login)


ROUTES = [list_jobs, show_job, read_log, act_on_job, act_on_jobs]
