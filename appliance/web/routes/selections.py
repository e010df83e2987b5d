"""Routes of many jobs at once: counted, run again after a change, their logs looked through."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from appliance.jobs import JobQuery, LogHits
from appliance.web import work
from appliance.web.schemas import (
    JobActionsDone,
    LogSearch,
    OwnerCounts,
    Rerun,
    RerunTried,
)
from appliance.web.scope import visible
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/jobs/counts", right="reader", within="handler", sync_to_thread=True)
def count_jobs(
    services: Rooms,
    who: Who,
    project: FromQuery[str | None] = None,
    batch: FromQuery[str | None] = None,
) -> OwnerCounts:
    """Count jobs by letter: the caller's own and those of others."""
    query = JobQuery(project=project, project_ids=visible(who), batch=batch)
    return OwnerCounts(**services.scheduler.desk.counts(query, who.login))


@post("/jobs/rerun", right="batch", within="handler", status_code=200, sync_to_thread=True)
def rerun_jobs(
    services: Rooms, who: Who, data: JSONBody[Rerun]
) -> Response[JobActionsDone | RerunTried]:
    """Run ended jobs again, with other parameters or another script; earlier attempts are kept."""
    what = work.chosen(services, who, data.keys, data.where)
    desk = services.scheduler.desk
    if data.dry_run:
        return Response(RerunTried(desk.dry_rerun(what, data.change, who.login)))
    outcome = desk.rerun(what, data.change, who.login, downstream=data.downstream)
    return Response(work.acted(outcome, dict.fromkeys(outcome.unknown, "it cannot be edited")))


@post("/jobs/logs", right="reader", within="handler", status_code=200, sync_to_thread=True)
def search_logs(services: Rooms, who: Who, data: JSONBody[LogSearch]) -> LogHits:
    """Look for a text in the latest logs of many jobs; the first line of each log is given."""
    what = work.chosen(services, who, data.keys, data.where)
    return services.scheduler.desk.search_logs(what, data.text, limit=min(data.limit, 1000))


@get("/jobs/{key:str}/log/search", right="reader", within="job", sync_to_thread=True)
def search_log(
    services: Rooms,
    key: FromPath[str],
    text: FromQuery[str],
    attempt: FromQuery[int | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
) -> LogHits:
    """Look for a text in the log of a job, of its latest execution by default."""
    return services.scheduler.desk.search_log(key, text, attempt=attempt, limit=limit)


@get("/jobs/{key:str}/log/file", right="reader", within="job", sync_to_thread=True)
def download_log(
    services: Rooms, key: FromPath[str], attempt: FromQuery[int | None] = None
) -> Stream:
    """Give the log of one execution as a file, or of all, one after another."""
    part = "" if attempt is None else f"-{attempt}"
    return Stream(
        services.scheduler.desk.log_file(key, attempt=attempt),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="job-{key}{part}.log"'},
    )


ROUTES = [count_jobs, rerun_jobs, search_logs, search_log, download_log]
