"""Routes for programs: selectors over files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
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
    root = str(catalog.project_root(services.folder, project.name))
    chosen = [_selected(root, row) for row in found]
    if data.json:
        chosen = [
            _with_doc(services, project.name, *pair) for pair in zip(chosen, found, strict=True)
        ]
    if data.by_filename:
        chosen.sort(key=lambda file: (file.path.rpartition("/")[2], file.psid))
    return Items(chosen)


def _selected(root: str, row: catalog.SelectedFile) -> Selected:
    """Name a file; nothing is opened, so the disk need not be asked where links lead."""
    return Selected(
        psid=row.psid,
        path=row.path,
        file_id=row.file_id,
        tags=row.tags,
        absolute_path=f"{root}/{row.pid}/{row.sid}/{row.path}",
    )


def _with_doc(
    services: Services, project: str, file: Selected, row: catalog.SelectedFile
) -> Selected:
    if row.kind != "json" or row.size_bytes > _MAX_JSON_BYTES:
        return file
    path = catalog.absolute_path(services.folder, project, row)
    return msgspec.structs.replace(file, doc=_doc(path))


def _doc(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


ROUTES = [select_files]
