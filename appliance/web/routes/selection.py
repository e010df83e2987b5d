"""Routes for programs: selectors over files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from litestar import post
from litestar.params import JSONBody

from appliance import catalog
from appliance.web.schemas import Items, Selected, SelectRequest
from appliance.web.scope import check_project
from appliance.web.selecting import study_ids
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]

_MAX_JSON_BYTES = 16 << 20


@post("/select", right="reader", within="handler", job=True, status_code=200, sync_to_thread=True)
def select_files(services: Rooms, who: Who, data: JSONBody[SelectRequest]) -> Items[Selected]:
    """Give the files that a selector means, with their absolute paths."""
    with services.catalog.read() as con:
        check_project(con, who, data.project)
        project = catalog.get_project(con, data.project)
        studies = study_ids(con, project.id, data.studies)
        found = catalog.select(con, project.id, data.selector, studies=studies)
    chosen = [_selected(services, project.name, row, want_doc=data.json) for row in found]
    if data.by_filename:
        chosen.sort(key=lambda file: (file.path.rpartition("/")[2], file.psid))
    return Items(chosen)


def _selected(
    services: Services, project: str, row: catalog.SelectedFile, *, want_doc: bool
) -> Selected:
    path = catalog.absolute_path(services.folder, project, row)
    return Selected(
        psid=row.psid,
        path=row.path,
        file_id=row.file_id,
        tags=row.tags,
        absolute_path=str(path),
        doc=_doc(path, row) if want_doc else None,
    )


def _doc(path: Path, row: catalog.SelectedFile) -> Any:
    if row.kind != "json" or row.size_bytes > _MAX_JSON_BYTES:
        return None
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


ROUTES = [select_files]
