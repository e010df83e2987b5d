"""Routes of release checks: a look at what would leave, its confirmation and its report."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody

from appliance.web import checking
from appliance.web.downloads import Downloads
from appliance.web.managing import project_id
from appliance.web.schemas import Items
from appliance.web.schemas.release_checks import (
    ReleaseCheckRequest,
    ReleaseCheckView,
    ReleaseVerdict,
)
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]


@post(
    "/projects/{project:str}/releases/checks",
    right="download",
    status_code=201,
    sync_to_thread=True,
)
def check_release(
    request: _Request,
    services: Rooms,
    who: Who,
    project: FromPath[str],
    data: JSONBody[ReleaseCheckRequest],
) -> ReleaseCheckView:
    """Look at what would leave for what tells, or may tell, whom it shows."""
    downloads: Downloads = request.app.state.downloads
    return checking.check(services, downloads, who, project, data)


@get("/projects/{project:str}/releases/checks", right="download", sync_to_thread=True)
def list_release_checks(services: Rooms, project: FromPath[str]) -> Items[ReleaseCheckView]:
    """List the latest release checks of a project."""
    found = services.importer.releases.latest(project_id(services, project))
    return Items([checking.shown(one) for one in found])


@get("/projects/{project:str}/releases/checks/{key:str}", right="reader", sync_to_thread=True)
def show_release_check(
    services: Rooms, who: Who, project: FromPath[str], key: FromPath[str]
) -> ReleaseCheckView:
    """Give one release check: of a link to everybody, else with ``download`` or ``deanonym``."""
    return checking.shown(checking.one(services, who, project, key))


@post(
    "/projects/{project:str}/releases/checks/{key:str}/confirm",
    right="reader",
    status_code=200,
    sync_to_thread=True,
)
def confirm_release(
    services: Rooms, who: Who, project: FromPath[str], key: FromPath[str]
) -> ReleaseCheckView:
    """Let go what was checked, for a day and as it is now.

    What tells who somebody is needs the right ``deanonym``.
    """
    return checking.confirm(services, who, project, key)


@get(
    "/projects/{project:str}/releases/checks/{key:str}/report",
    right="reader",
    sync_to_thread=True,
)
def release_report(
    services: Rooms, who: Who, project: FromPath[str], key: FromPath[str]
) -> Response[dict[str, Any]]:
    """Give the signed report of a release check: counts, and nothing of anybody."""
    found = checking.one(services, who, project, key)
    name = f'attachment; filename="release-{found.key}.json"'
    report = services.importer.releases.report(found.key)
    return Response(report, headers={"Content-Disposition": name})


@post("/releases/verify", right="reader", within="open", status_code=200, sync_to_thread=True)
def verify_release(services: Rooms, data: JSONBody[dict[str, Any]]) -> ReleaseVerdict:
    """Tell whether a report was signed by this appliance and not changed since."""
    return ReleaseVerdict(services.importer.releases.verify(data))


ROUTES = [
    check_release,
    list_release_checks,
    show_release_check,
    confirm_release,
    release_report,
    verify_release,
]
