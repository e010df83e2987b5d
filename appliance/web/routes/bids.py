"""Routes of BIDS datasets: the mapping of a project, plans and exports."""

from __future__ import annotations

from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from appliance.core import NotFound
from appliance.exchange import BidsMapping
from appliance.web import managing, views
from appliance.web.schemas import (
    BidsExport,
    BidsExportRequest,
    BidsPlanRequest,
    BidsPlanView,
    BidsSettings,
    Items,
)
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/projects/{project:str}/bids", right="reader", sync_to_thread=True)
def show_bids(services: Rooms, project: FromPath[str]) -> BidsMapping:
    """Give how a project is exported as BIDS."""
    return services.importer.bids.mapping(managing.project_id(services, project))


@put("/projects/{project:str}/bids", right="editor", sync_to_thread=True)
def save_bids(services: Rooms, project: FromPath[str], data: JSONBody[BidsSettings]) -> BidsMapping:
    """Save how a project is exported as BIDS."""
    return managing.save_bids(services, project, data)


@post("/projects/{project:str}/bids/plan", right="reader", status_code=200, sync_to_thread=True)
def plan_bids(
    services: Rooms, project: FromPath[str], data: JSONBody[BidsPlanRequest]
) -> BidsPlanView:
    """Tell what a dataset of some studies would hold."""
    return managing.plan_bids(services, project, data)


@get("/projects/{project:str}/bids/exports", right="download", sync_to_thread=True)
def list_bids_exports(services: Rooms, project: FromPath[str]) -> Items[BidsExport]:
    """List the latest exports of a project."""
    found = services.importer.bids.latest(managing.project_id(services, project))
    return views.items(found, managing.bids_export)


@post(
    "/projects/{project:str}/bids/exports", right="download", status_code=202, sync_to_thread=True
)
def export_bids(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[BidsExportRequest]
) -> BidsExport:
    """Export studies as a BIDS dataset, to be downloaded or into a new folder of the machine."""
    return managing.bids_export(managing.begin_bids(services, who, project, data))


@get("/projects/{project:str}/bids/exports/{key:str}", right="download", sync_to_thread=True)
def show_bids_export(services: Rooms, project: FromPath[str], key: FromPath[str]) -> BidsExport:
    """Give one export."""
    found = services.importer.bids.get(key)
    if found.project.lower() != project.lower():
        raise NotFound(f"no export {key!r}")
    return managing.bids_export(found)


@get(
    "/projects/{project:str}/bids/exports/{key:str}/bids.zip", right="download", sync_to_thread=True
)
def download_bids(services: Rooms, project: FromPath[str], key: FromPath[str]) -> Stream:
    """Send a dataset as a zip, made while it is sent."""
    show = services.importer.bids.get(key)
    if show.project.lower() != project.lower():
        raise NotFound(f"no export {key!r}")
    headers = {"Content-Disposition": f'attachment; filename="{show.project}-bids.zip"'}
    return Stream(services.importer.bids.zipped(key), media_type="application/zip", headers=headers)


ROUTES = [
    show_bids,
    save_bids,
    plan_bids,
    list_bids_exports,
    export_bids,
    show_bids_export,
    download_bids,
]
