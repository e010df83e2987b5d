"""Routes of notebooks: one's own, a new one, and one that debugs a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from appliance.core import iso
from appliance.web.notebooks import notebook_port
from appliance.web.schemas import NewNotebook, Notebook, NotebookLimits, Notebooks
from appliance.web.scope import check_project
from appliance.web.services import Rooms, Services, Who

if TYPE_CHECKING:
    from appliance import jobs

__all__ = ["ROUTES"]


@get("/notebooks", right="batch", within="open", sync_to_thread=True)
def list_notebooks(services: Rooms, who: Who) -> Notebooks:
    """List one's own notebooks that wait or run, and what a new one may ask for."""
    rooms, proposed = services.notebooks, services.notebooks.settings
    most = rooms.capacity
    return Notebooks(
        items=[_shown(services, one) for one in rooms.list_notebooks(who.login)],
        problem=rooms.obstacle(),
        queues=list(rooms.queues),
        hours=proposed.hours,
        cpus=NotebookLimits(min(proposed.cpus, most.cpus), most.cpus),
        memory_mb=NotebookLimits(min(proposed.memory_mb, most.memory_mb), most.memory_mb),
        gpus=NotebookLimits(0, len(most.gpus)),
    )


@post("/notebooks", right="batch", within="handler", status_code=202, sync_to_thread=True)
def start_notebook(services: Rooms, who: Who, data: JSONBody[NewNotebook]) -> Notebook:
    """Start JupyterLab in one's own folder of notebooks."""
    from appliance.jobs import NotebookRequest

    with services.catalog.read() as con:
        check_project(con, who, data.project)
    asked = NotebookRequest(**msgspec.structs.asdict(data))
    return _started(services, services.notebooks.start(asked, who.login))


@post(
    "/notebooks/debug/{key:str}", right="batch", within="job", status_code=202, sync_to_thread=True
)
def debug_job(services: Rooms, who: Who, key: FromPath[str]) -> Notebook:
    """Start JupyterLab with a job in it: its arguments, its script, its outputs."""
    return _started(services, services.notebooks.debug(key, who.login))


def _started(services: Services, key: str) -> Notebook:
    services.scheduler.wake()
    return _shown(services, services.notebooks.notebook(key))


def _shown(services: Services, one: jobs.Notebook) -> Notebook:
    return Notebook(
        key=one.key,
        project=one.project,
        name=one.name,
        state=one.state,
        letter=one.letter,
        why=one.why,
        created_at=iso(one.created_at),
        port=notebook_port(services.settings),
        path=one.path,
    )


ROUTES = [list_notebooks, start_notebook, debug_job]
