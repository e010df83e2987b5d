"""Routes of a project's settings, its custom fields, and folders of existing data."""

from __future__ import annotations

from pathlib import Path

import msgspec
from litestar import get, patch, post, put
from litestar.params import FromPath, JSONBody

from appliance import catalog, exchange
from appliance.web import arrivals, managing
from appliance.web.schemas import (
    ExistingPreview,
    ExistingRequest,
    FieldValues,
    FieldValuesChange,
    Items,
    OperationDone,
    ProjectChange,
    ProjectDetail,
    ProjectState,
    Receipt,
    StoppedWork,
    TrashedProject,
)
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/projects/{project:str}", right="reader", sync_to_thread=True)
def show_project(services: Rooms, who: Who, project: FromPath[str]) -> ProjectDetail:
    """Give a project with its settings, what it takes on disk, and its folders."""
    return managing.project_detail(services, who, project)


@patch("/projects/{project:str}", right="manage", sync_to_thread=True)
def change_project(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[ProjectChange]
) -> ProjectDetail:
    """Change settings of a project; the old ones stay in its history."""
    services.catalog.write(
        lambda tx: exchange.change_settings(tx, project, data.settings, actor=who.login)
    )
    return managing.project_detail(services, who, project)


@post("/projects/{project:str}/state", right="admin", status_code=200, sync_to_thread=True)
def change_project_state(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[ProjectState]
) -> OperationDone:
    """Put a project to use, into the archive or into the trash; all of it can be undone."""
    return managing.change_state(services, who, project, data.state)


@get("/trash/projects", right="admin", sync_to_thread=True)
def list_trashed_projects(services: Rooms) -> Items[TrashedProject]:
    """List the projects in the trash, with what will become of them and when."""
    return managing.trashed_projects(services)


@get("/projects/{project:str}/module", right="manage", sync_to_thread=True)
def show_module(services: Rooms, project: FromPath[str]) -> exchange.ProjectModule:
    """Give what a project holds as a module file, to start another one from."""
    with services.catalog.read() as con:
        return exchange.module_of(con, project)


@post("/existing/preview", right="admin", status_code=200, sync_to_thread=True)
def preview_existing(services: Rooms, data: JSONBody[ExistingRequest]) -> ExistingPreview:
    """Tell what would come of a folder; nothing is changed."""
    found = services.importer.existing.preview(Path(data.root), managing.existing_options(data))
    return ExistingPreview(**msgspec.structs.asdict(found))


@post("/existing", right="admin", status_code=202, sync_to_thread=True)
def read_existing(services: Rooms, who: Who, data: JSONBody[ExistingRequest]) -> Receipt:
    """Read a folder of existing data into a project, which is made when it is new."""
    return arrivals.receipt(managing.begin_existing(services, who, data))


@post(
    "/projects/{project:str}/sources/{source_key:str}/update",
    right="admin",
    status_code=202,
    sync_to_thread=True,
)
def update_source(services: Rooms, project: FromPath[str], source_key: FromPath[str]) -> Receipt:
    """Read a folder of existing data again: what is new or has changed comes in."""
    managing.check_source(services, project, source_key)
    return arrivals.receipt(services.importer.existing.update(source_key))


@post(
    "/receipts/{key:str}/stop",
    right="editor",
    within="receipt",
    status_code=202,
    sync_to_thread=True,
)
def stop_receipt(services: Rooms, key: FromPath[str]) -> StoppedWork:
    """End the reading of a folder; what it has entered stays."""
    services.importer.existing.stop(key)
    return StoppedWork(key)


@get("/subjects/{subject_id:int}/fields", right="reader", sync_to_thread=True)
def show_subject_fields(services: Rooms, subject_id: FromPath[int]) -> FieldValues:
    """Give the custom fields of a subject."""
    with services.catalog.read() as con:
        return FieldValues(catalog.fields_of(con, "subject", [subject_id])[subject_id])


@put("/subjects/{subject_id:int}/fields", right="editor", sync_to_thread=True)
def change_subject_fields(
    services: Rooms, subject_id: FromPath[int], data: JSONBody[FieldValuesChange]
) -> FieldValues:
    """Set custom fields of a subject."""
    return FieldValues(managing.change_fields(services, "subject", subject_id, data))


@get("/studies/{study_id:int}/fields", right="reader", sync_to_thread=True)
def show_study_fields(services: Rooms, study_id: FromPath[int]) -> FieldValues:
    """Give the custom fields of a study."""
    with services.catalog.read() as con:
        return FieldValues(catalog.fields_of(con, "study", [study_id])[study_id])


@put("/studies/{study_id:int}/fields", right="editor", sync_to_thread=True)
def change_study_fields(
    services: Rooms, study_id: FromPath[int], data: JSONBody[FieldValuesChange]
) -> FieldValues:
    """Set custom fields of a study."""
    return FieldValues(managing.change_fields(services, "study", study_id, data))


ROUTES = [
    show_project,
    change_project,
    change_project_state,
    list_trashed_projects,
    show_module,
    preview_existing,
    read_existing,
    update_source,
    stop_receipt,
    show_subject_fields,
    change_subject_fields,
    show_study_fields,
    change_study_fields,
]
