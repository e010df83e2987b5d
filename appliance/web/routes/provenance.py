"""Routes of how files were made: lineage, what is out of date, replays, exports."""

from __future__ import annotations

import json
import sqlite3
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from appliance import catalog
from appliance.catalog import Caller
from appliance.jobs import Lineage, ReplayReport
from appliance.web.schemas import Recompute, RecomputePlan, ReplayStarted
from appliance.web.scope import check_ids, check_project
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]

_MOST_STEPS = 200
_OF_SUBJECTS = (
    "SELECT s.id FROM json_each(?) w CROSS JOIN studies s ON s.subject_id = w.value"
    " WHERE s.trashed_at IS NULL"
)


@get("/files/{file_id:int}/provenance", right="reader", job=True, sync_to_thread=True)
def show_provenance(
    services: Rooms,
    who: Who,
    file_id: FromPath[int],
    depth: Annotated[int, QueryParameter(ge=1, le=20)] = 4,
) -> Lineage:
    """Tell how a file was made, from what, and what was made from it."""
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id])
    return services.scheduler.provenance.lineage(file_id, depth=depth)


@get("/files/{file_id:int}/provenance/prov", right="reader", sync_to_thread=True)
def export_provenance(services: Rooms, file_id: FromPath[int]) -> Response[dict[str, Any]]:
    """Give PROV-JSON (W3C) about a file and all that it goes back to."""
    found = services.scheduler.provenance.prov_of_file(file_id)
    return _saved(found, f"file-{file_id}")


@get("/batches/{key:str}/prov", right="reader", within="batch", sync_to_thread=True)
def export_batch_provenance(services: Rooms, key: FromPath[str]) -> Response[dict[str, Any]]:
    """Give PROV-JSON (W3C) about all files that a batch made."""
    return _saved(services.scheduler.provenance.prov_of_batch(key), f"batch-{key}")


@post("/files/{file_id:int}/provenance/replay", right="batch", status_code=202, sync_to_thread=True)
def replay_file(services: Rooms, who: Who, file_id: FromPath[int]) -> ReplayStarted:
    """Run again what made a file, in a scratch folder, to see whether it makes the same."""
    return ReplayStarted(services.scheduler.provenance.replay(file_id, who.login))


@get("/jobs/{key:str}/replay", right="reader", within="job", sync_to_thread=True)
def show_replay(services: Rooms, key: FromPath[str]) -> ReplayReport:
    """Give what a replay found: equal, or where it differs."""
    return services.scheduler.provenance.replay_report(key)


@post("/recompute", right="batch", within="handler", status_code=200, sync_to_thread=True)
def recompute(services: Rooms, who: Who, data: JSONBody[Recompute]) -> RecomputePlan:
    """Run again just the jobs whose files are out of date, each after those that it needs."""
    ids = _meant(services, who, data)
    provenance = services.scheduler.provenance
    jobs, refused = provenance.planned(ids)
    if data.dry_run:
        steps = provenance.steps(jobs[:_MOST_STEPS])
        return RecomputePlan(n_files=len(ids), jobs=jobs, refused=refused, steps=steps)
    done = provenance.recompute(ids, who.login)
    return RecomputePlan(n_files=len(ids), jobs=jobs, refused=done.refused, n=done.n)


def _meant(services: Services, who: Caller, data: Recompute) -> list[int]:
    with services.catalog.read() as con:
        check_project(con, who, data.project)
        check_ids(con, who, "file", data.files or [])
        project = catalog.get_project(con, data.project)
        catalog.require_open(con, project.id)
        studies = _studies(con, data)
    found = services.scheduler.provenance.stale_files(project.id, studies)
    return found if data.files is None else [one for one in found if one in set(data.files)]


def _studies(con: sqlite3.Connection, data: Recompute) -> list[int] | None:
    """Give the studies that are meant; None: all."""
    if data.subjects is None:
        return data.studies
    rows = con.execute(_OF_SUBJECTS, (json.dumps(data.subjects),)).fetchall()
    return [*(data.studies or ()), *(row[0] for row in rows)]


def _saved(document: dict[str, Any], name: str) -> Response[dict[str, Any]]:
    headers = {"Content-Disposition": f'attachment; filename="{name}.prov.json"'}
    return Response(document, headers=headers)


ROUTES = [
    show_provenance,
    export_provenance,
    export_batch_provenance,
    replay_file,
    show_replay,
    recompute,
]
