"""Routes that change what the catalog says: tags, trash, undo."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath, JSONBody

from appliance import catalog
from appliance.web.schemas import Done, OperationDone, TagRequest, TrashRequest
from appliance.web.scope import check_ids
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post("/tags", right="editor", job=True, status_code=200, sync_to_thread=True)
def change_tags(services: Rooms, who: Who, data: JSONBody[TagRequest]) -> Done:
    """Put tags on subjects, studies or files, and take others off."""
    with services.catalog.read() as con:
        check_ids(con, who, data.level, data.ids)
    services.catalog.write(lambda tx: catalog.tag(tx, data.level, data.ids, data.add, data.remove))
    return Done(len(data.ids))


@post("/trash", right="editor", status_code=200, sync_to_thread=True)
def move_to_trash(services: Rooms, who: Who, data: JSONBody[TrashRequest]) -> OperationDone:
    """Put files, studies and subjects into the trash."""
    return services.catalog.write(lambda tx: _trash(tx, data, who.login))


@post("/operations/{operation_id:int}/undo", right="editor", status_code=204, sync_to_thread=True)
def undo_operation(services: Rooms, who: Who, operation_id: FromPath[int]) -> None:
    """Take an operation back."""
    services.catalog.write(lambda tx: catalog.undo(tx, operation_id, who.login))


def _trash(tx: catalog.Tx, data: TrashRequest, actor: str) -> OperationDone:
    found = dict.fromkeys(data.files)
    for study_id in (*data.studies, *_studies_of(tx, data.subjects)):
        found.update(dict.fromkeys(row.id for row in catalog.study_files(tx.con, study_id)))
    return OperationDone(catalog.trash_files(tx, list(found), actor), len(found))


def _studies_of(tx: catalog.Tx, subjects: list[int]) -> list[int]:
    return [
        row[0]
        for subject_id in subjects
        for row in tx.con.execute("SELECT id FROM studies WHERE subject_id = ?", (subject_id,))
    ]


ROUTES = [change_tags, move_to_trash, undo_operation]
