"""Routes of erasures: what one would take, and the erasure of a subject for good."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from appliance.upkeep import Eraser, ErasurePlan
from appliance.web.schemas.erasures import ErasureRequest
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]


@get("/projects/{project:str}/erasures/plan", right="admin", sync_to_thread=True)
def plan_erasure(services: Rooms, project: FromPath[str], subject: FromQuery[str]) -> ErasurePlan:
    """Tell what would be erased of a subject, and what would stay; changes nothing."""
    return _eraser(services).plan(project, subject)


@post("/projects/{project:str}/erasures", right="admin", status_code=200, sync_to_thread=True)
def erase_subject(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[ErasureRequest]
) -> ErasurePlan:
    """Erase a subject for good, from files, databases and caches; tell what was taken."""
    eraser = _eraser(services)
    return eraser.erase(project, data.subject, typed=data.typed, actor=who.login)


def _eraser(services: Services) -> Eraser:
    return Eraser(
        services.catalog, services.folder, services.identities, on_erased=services.meta.forget
    )


ROUTES = [plan_erasure, erase_subject]
