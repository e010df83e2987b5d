"""Route of the order in which waiting jobs start."""

from __future__ import annotations

from litestar import post
from litestar.params import JSONBody

from appliance.web import work
from appliance.web.schemas import JobActionsDone, JobPriority
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post("/jobs/priority", right="batch", within="handler", status_code=200, sync_to_thread=True)
def prioritise_jobs(services: Rooms, who: Who, data: JSONBody[JobPriority]) -> JobActionsDone:
    """Let waiting jobs start sooner or later than others; those that do not wait refuse."""
    what = work.chosen(services, who, data.keys, data.where)
    outcome = services.scheduler.desk.prioritise(what, data.priority, who.login)
    return work.acted(outcome, dict.fromkeys(outcome.unknown, "only jobs have a priority"))


ROUTES = [prioritise_jobs]
