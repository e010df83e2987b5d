"""Routes of what leaves as DICOM: a look beforehand, exports, and their reports."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from appliance.exchange import ReleaseReport
from appliance.web import releasing
from appliance.web.schemas import DicomExport, DicomExportRequest, DicomPlanRequest, Items
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post("/projects/{project:str}/dicom/plan", right="download", status_code=200, sync_to_thread=True)
def plan_dicom(
    services: Rooms, project: FromPath[str], data: JSONBody[DicomPlanRequest]
) -> ReleaseReport:
    """Tell what would be done to the DICOM objects of some studies, by the first of each series."""
    return releasing.plan(services, project, data)


@get("/projects/{project:str}/dicom/exports", right="download", sync_to_thread=True)
def list_dicom_exports(services: Rooms, project: FromPath[str]) -> Items[DicomExport]:
    """List the latest DICOM exports of a project."""
    return releasing.latest(services, project)


@post(
    "/projects/{project:str}/dicom/exports", right="download", status_code=202, sync_to_thread=True
)
def export_dicom(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[DicomExportRequest]
) -> DicomExport:
    """Export studies as pseudonymised DICOM, to be downloaded or into a folder of the machine."""
    return releasing.begin(services, who, project, data)


@get("/projects/{project:str}/dicom/exports/{key:str}", right="download", sync_to_thread=True)
def show_dicom_export(services: Rooms, project: FromPath[str], key: FromPath[str]) -> DicomExport:
    """Give one DICOM export and its report."""
    return releasing.shown(services, project, key)


@get(
    "/projects/{project:str}/dicom/exports/{key:str}/dicom.zip",
    right="download",
    sync_to_thread=True,
)
def download_dicom(services: Rooms, project: FromPath[str], key: FromPath[str]) -> Stream:
    """Send pseudonymised objects and their report as a zip, made while it is sent."""
    name, data = releasing.zipped(services, project, key)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(data, media_type="application/zip", headers=headers)


ROUTES = [
    plan_dicom,
    list_dicom_exports,
    export_dicom,
    show_dicom_export,
    download_dicom,
]
