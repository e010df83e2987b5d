"""Between the rooms and the API: what leaves as DICOM, and what was done to it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from appliance import catalog, exchange
from appliance.catalog import Caller
from appliance.core import NotFound, Refused, iso
from appliance.web.checking import let_export_go
from appliance.web.managing import project_id
from appliance.web.schemas import DicomExport, DicomExportRequest, DicomPlanRequest, Items
from appliance.web.selecting import study_ids
from appliance.web.services import Services
from appliance.web.views import API

__all__ = ["begin", "latest", "plan", "shown", "zipped"]


def plan(services: Services, name: str, data: DicomPlanRequest) -> exchange.ReleaseReport:
    """Tell what would be done to some studies."""
    project, ids = _asked(services, name, data.studies)
    return services.importer.dicom.plan(project, ids)


def begin(services: Services, who: Caller, name: str, data: DicomExportRequest) -> DicomExport:
    """Begin an export; to a folder of the machine for administrators alone.

    Raises
    ------
    Refused
        If a folder was named by somebody else.
    """
    if data.target and not who.is_admin:
        raise Refused("only an administrator may write to folders of the machine")
    project, ids = _asked(services, name, data.studies)
    let_export_go(services, who, project, "dicom", ids)
    begun = services.importer.dicom.begin(project, ids, target=data.target, actor=who.login)
    return _view(begun)


def latest(services: Services, name: str) -> Items[DicomExport]:
    """Give the latest exports of a project."""
    found = services.importer.dicom.latest(project_id(services, name))
    return Items([_view(one) for one in found])


def shown(services: Services, name: str, key: str) -> DicomExport:
    """Give one export of a project."""
    return _view(_one(services, name, key))


def zipped(services: Services, name: str, key: str) -> tuple[str, Iterator[bytes]]:
    """Give the name of an export's archive, and its bytes."""
    found = _one(services, name, key)
    return f"{found.project}-dicom.zip", services.importer.dicom.zipped(found.key)


def _one(services: Services, name: str, key: str) -> exchange.Export:
    found = services.importer.dicom.get(key)
    if found.project.lower() != name.lower():
        raise NotFound(f"no export {key!r}")
    return found


def _asked(services: Services, name: str, studies: list[str]) -> tuple[str, list[int]]:
    with services.catalog.read() as con:
        project = catalog.get_project(con, name)
        found = study_ids(con, project.id, studies)
    if found == []:
        raise NotFound("no study of that name")
    return project.name, found or []


def _view(row: exchange.Export) -> DicomExport:
    base = f"{API}/projects/{quote(row.project, safe='')}/dicom/exports/{row.key}"
    return DicomExport(
        key=row.key,
        project=row.project,
        target=row.target,
        state=row.state,
        n_files=row.n_files,
        n_done=row.n_done,
        size_bytes=row.size_bytes,
        reason=row.reason,
        hint=row.hint,
        n_studies=len(row.studies),
        created_at=iso(row.created_at),
        updated_at=iso(row.updated_at),
        download_url=f"{base}/dicom.zip" if row.state == "ready" else None,
        report=msgspec.convert(row.report, exchange.ReleaseReport) if row.report else None,
    )
