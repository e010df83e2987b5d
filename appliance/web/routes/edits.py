"""Routes that change what the catalog says: tags, trash, names, history and undo."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance import catalog, viewing
from appliance.catalog import OperationQuery
from appliance.core import parse_iso
from appliance.upkeep import Mover, purge
from appliance.web import curation, drawing
from appliance.web.schemas import Items, OperationDone, Page, TagRequest, TrashRequest
from appliance.web.schemas.curation import (
    MoveStudy,
    NewName,
    Operation,
    Purged,
    Retag,
    TagsChanged,
    TagTotal,
)
from appliance.web.scope import check_ids, visible
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]

Limit = Annotated[int, QueryParameter(ge=1, le=1000)]


@post("/tags", right="editor", within="handler", job=True, status_code=200, sync_to_thread=True)
def change_tags(services: Rooms, who: Who, data: JSONBody[TagRequest]) -> TagsChanged:
    """Put tags on subjects, studies or files of one project, and take others off."""
    if not data.ids:
        return TagsChanged(0, None)
    with services.catalog.read() as con:
        check_ids(con, who, data.level, data.ids)
    actor = curation.actor(who)
    done = catalog.tag_many(
        services.catalog, data.level, data.ids, data.add, data.remove, actor=actor
    )
    return TagsChanged(done.n, done.operation_id)


@get("/projects/{project:str}/tags/totals", right="reader", sync_to_thread=True)
def count_tags(services: Rooms, project: FromPath[str]) -> Items[TagTotal]:
    """Count a project's tags on the three levels, one row per tag."""
    with services.catalog.read() as con:
        found = catalog.count_tags(con, catalog.get_project(con, project).id)
    return Items([curation.tag_total(one) for one in found])


@post("/projects/{project:str}/tags/rename", right="editor", status_code=200, sync_to_thread=True)
def rename_tags(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[Retag]
) -> TagsChanged:
    """Rename a tag, merge several into one, or take them off everywhere in a project."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
    done = catalog.retag(services.catalog, project_id, data.names, data.to, actor=who.login)
    return TagsChanged(done.n, done.operation_id)


@post("/trash", right="editor", within="handler", status_code=200, sync_to_thread=True)
def move_to_trash(services: Rooms, who: Who, data: JSONBody[TrashRequest]) -> OperationDone:
    """Put files, studies and subjects of one project into the trash."""
    with services.catalog.read() as con:
        for level, ids in (
            ("file", data.files),
            ("study", data.studies),
            ("subject", data.subjects),
        ):
            check_ids(con, who, level, ids)
    done = catalog.trash_many(
        services.catalog,
        files=data.files,
        studies=data.studies,
        subjects=data.subjects,
        actor=who.login,
    )
    return OperationDone(done.operation_id, done.n)


@post("/subjects/{subject_id:int}/name", right="editor", status_code=200, sync_to_thread=True)
def rename_subject(
    services: Rooms, who: Who, subject_id: FromPath[int], data: JSONBody[NewName]
) -> OperationDone:
    """Give a subject another code; its folder is renamed, and the person behind it stays."""
    return OperationDone(_mover(services).rename_subject(subject_id, data.name, who.login), 1)


@post("/studies/{study_id:int}/name", right="editor", status_code=200, sync_to_thread=True)
def rename_study(
    services: Rooms, who: Who, study_id: FromPath[int], data: JSONBody[NewName]
) -> OperationDone:
    """Give a study another code within its subject; its folder is renamed."""
    return OperationDone(_mover(services).rename_study(study_id, data.name, who.login), 1)


@post("/studies/{study_id:int}/subject", right="editor", status_code=200, sync_to_thread=True)
def move_study(
    services: Rooms, who: Who, study_id: FromPath[int], data: JSONBody[MoveStudy]
) -> OperationDone:
    """Give a study to another subject of its project; its folder moves."""
    with services.catalog.read() as con:
        check_ids(con, who, "subject", [data.subject_id])
    return OperationDone(_mover(services).move_study(study_id, data.subject_id, who.login), 1)


@post("/files/{file_id:int}/path", right="editor", status_code=200, sync_to_thread=True)
def rename_file(
    services: Rooms, who: Who, file_id: FromPath[int], data: JSONBody[NewName]
) -> OperationDone:
    """Give a file another path within its study."""
    return OperationDone(_mover(services).rename_file(file_id, data.name, who.login), 1)


@get("/operations", right="reader", within="handler", sync_to_thread=True)
def list_operations(
    services: Rooms,
    who: Who,
    *,
    project: FromQuery[str | None] = None,
    verb: FromQuery[str] = "",
    actor: FromQuery[str] = "",
    at_from: FromQuery[str | None] = None,
    at_to: FromQuery[str | None] = None,
    in_trash: FromQuery[bool] = False,
    after: FromQuery[str | None] = None,
    limit: Limit = 200,
) -> Page[Operation]:
    """Give one page of history, newest first; with `in_trash` only what lies in the trash."""
    query = OperationQuery(
        verb=verb,
        actor=actor,
        at_from=parse_iso(at_from) if at_from else None,
        at_to=parse_iso(at_to) if at_to else None,
        in_trash=in_trash,
        after=after,
        limit=limit,
    )
    return curation.history(services, query, project, visible(who))


@post(
    "/operations/{operation_id:int}/undo",
    right="editor",
    within="handler",
    status_code=204,
    sync_to_thread=True,
)
def undo_operation(services: Rooms, who: Who, operation_id: FromPath[int]) -> None:
    """Take an operation back, unless something later stands in the way."""
    with services.catalog.read() as con:
        operation = curation.find(con, who, operation_id)
    if operation.verb in ("rename", "move"):
        _mover(services).undo(operation, who.login)
    elif operation.verb in ("save", "restore"):
        viewing.undo_save(
            services.catalog, services.folder, drawing.limits(services), operation, who.login
        )
    else:
        catalog.undo_all(services.catalog, operation_id, who.login)


@post(
    "/operations/{operation_id:int}/purge",
    right="manage",
    within="handler",
    status_code=200,
    sync_to_thread=True,
)
def purge_operation(services: Rooms, who: Who, operation_id: FromPath[int]) -> Purged:
    """Delete for good, and at once, what one operation put into the trash."""
    with services.catalog.read() as con:
        curation.find_open(con, who, operation_id)
    done = purge(services.catalog, services.folder, operation_id)
    return Purged(done.n_files, done.size_bytes)


def _mover(services: Services) -> Mover:
    return Mover(services.catalog, services.folder, services.identities)


ROUTES = [
    change_tags,
    count_tags,
    rename_tags,
    move_to_trash,
    rename_subject,
    rename_study,
    move_study,
    rename_file,
    list_operations,
    undo_operation,
    purge_operation,
]
