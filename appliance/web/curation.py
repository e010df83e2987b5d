"""Between the catalog's history and the API: who may see and take back what, with ISO times."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

import msgspec

from appliance import catalog
from appliance.catalog import Caller
from appliance.core import NotFound, Refused, iso
from appliance.upkeep import DAY_MS
from appliance.web.schemas import Page
from appliance.web.schemas.curation import Operation, TagTotal
from appliance.web.scope import check_project, rights_of
from appliance.web.services import Services
from appliance.web.views import maybe_iso

__all__ = ["actor", "find", "find_open", "history", "tag_total"]

_PROJECT_VERBS = {"project-settings": "manage", "project-state": "admin"}


def actor(who: Caller) -> str:
    """Name who does something: a job by its key, else the login."""
    return f"job {who.job_key}" if who.job_key else who.login


def tag_total(one: catalog.TagTotal) -> TagTotal:
    """Show a tag with its counts."""
    return msgspec.convert(one, TagTotal, from_attributes=True)


def history(
    services: Services,
    query: catalog.OperationQuery,
    project: str | None,
    allowed: Collection[int] | None,
) -> Page[Operation]:
    """Give a page of history of one project, or of all that may be seen.

    Raises
    ------
    NotFound
        If the project does not exist, or not for this caller.
    """
    keep_days = services.settings.trash.keep_days
    with services.catalog.read() as con:
        if project is not None:
            allowed = _one(con, project, allowed)
        query = msgspec.structs.replace(query, project_ids=allowed)
        found = catalog.list_operations(con, query)
    return Page([_view(row, keep_days) for row in found.items], found.next, found.total)


def find(con: sqlite3.Connection, who: Caller, operation_id: int) -> catalog.Operation:
    """Give an operation that the caller may take back.

    Raises
    ------
    NotFound
        If there is none, or it is of a project that the caller may not see.
    Refused
        If it belongs to no project, or changed one itself, and the caller may not do that.
    """
    operation = catalog.find_operation(con, operation_id)
    if operation.project is not None:
        right = _PROJECT_VERBS.get(operation.verb)
        try:
            check_project(con, who, operation.project, right)
        except NotFound:
            raise NotFound(f"no operation {operation_id}") from None
    elif not who.everywhere:
        raise NotFound(f"no operation {operation_id}")
    needed = _PROJECT_VERBS.get(operation.verb)
    if needed is not None and who.everywhere and needed not in rights_of(who):
        raise Refused(f"this needs the right {needed!r}")
    return operation


def find_open(con: sqlite3.Connection, who: Caller, operation_id: int) -> catalog.Operation:
    """Give an operation as `find` does, if its project is in use.

    Raises
    ------
    Conflict
        If the project is in the archive or the trash.
    """
    operation = find(con, who, operation_id)
    if operation.target.get("project_id") is not None:
        catalog.require_open(con, operation.target["project_id"])
    return operation


def _one(con: sqlite3.Connection, project: str, allowed: Collection[int] | None) -> Collection[int]:
    row = con.execute("SELECT id FROM projects WHERE name = ?", (project,)).fetchone()
    if row is None or (allowed is not None and row[0] not in allowed):
        raise NotFound(f"no project {project!r}")
    return (row[0],)


def _view(row: catalog.Operation, keep_days: int) -> Operation:
    in_trash = row.verb == "trash" and row.undoable and keep_days > 0
    return Operation(
        id=row.id,
        at=iso(row.at),
        actor=row.actor,
        verb=row.verb,
        project=row.project,
        target=row.target,
        undoable=row.undoable,
        undone_at=maybe_iso(row.undone_at),
        undone_by=row.undone_by,
        purged_at=maybe_iso(row.purged_at),
        final_at=iso(row.at + keep_days * DAY_MS) if in_trash else None,
    )
