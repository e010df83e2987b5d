"""Routes by which programs put files into the catalog and take them out, and identities."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, JSONBody

from appliance.web import registering
from appliance.web.schemas import Done, FilesAdd, FilesRemove, Identity, OperationDone
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post(
    "/files/add", right="editor", within="handler", job=True, status_code=200, sync_to_thread=True
)
def add_files(services: Rooms, who: Who, data: JSONBody[FilesAdd]) -> Done:
    """Put existing files below a project's folder into the catalog.

    What a running job adds is kept pending until the job has succeeded.
    """
    return registering.add_files(services, who, data)


@post(
    "/files/remove",
    right="editor",
    within="handler",
    job=True,
    status_code=200,
    sync_to_thread=True,
)
def remove_files(services: Rooms, who: Who, data: JSONBody[FilesRemove]) -> OperationDone:
    """Put files into the trash."""
    return registering.remove_files(services, who, data)


@get("/subjects/{subject_id:int}/identity", right="deanonym", sync_to_thread=True)
def show_identity(services: Rooms, who: Who, subject_id: FromPath[int]) -> Identity:
    """Tell who a subject really is; the look is put on record."""
    return registering.reveal(services, who, subject_id)


ROUTES = [add_files, remove_files, show_identity]
