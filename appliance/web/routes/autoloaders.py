"""Routes of autoloaders: named presets, the files of a case, ratings of a cohort."""

from __future__ import annotations

import sqlite3

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog, viewing
from appliance.catalog import Caller
from appliance.core import iso
from appliance.viewing import KeptPreset, PresetAsker, PresetDraft
from appliance.web import views
from appliance.web.schemas import Items, OperationDone
from appliance.web.schemas.autoloaders import (
    CaseAsked,
    CaseEntry,
    LoadedCase,
    NewPreset,
    PresetChange,
    PresetRow,
    RatedRow,
    RatingsAsked,
)
from appliance.web.scope import rights_in
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/presets", right="reader", within="project", sync_to_thread=True)
def list_presets(services: Rooms, who: Who, project: FromQuery[str]) -> Items[PresetRow]:
    """List the presets of a project that the caller may load: own ones and shared ones."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
        asker = _asker(who, project_id)
        rows = viewing.list_presets(con, project_id, asker)
    return Items([_row(one, asker) for one in rows])


@post("/presets", right="reader", within="project", status_code=201, sync_to_thread=True)
def keep_preset(
    services: Rooms, who: Who, project: FromQuery[str], data: JSONBody[NewPreset]
) -> PresetRow:
    """Keep a preset under a new name."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
    preset, left = viewing.read_preset(data.preset)
    draft = PresetDraft(name=data.name, share=data.share, preset=preset)
    asker = _asker(who, project_id)
    kept = viewing.keep_preset(services.catalog, project_id, asker, draft)
    return _row(kept, asker, left)


@put("/presets/{key:str}", right="reader", within="handler", sync_to_thread=True)
def change_preset(
    services: Rooms, who: Who, key: FromPath[str], data: JSONBody[PresetChange]
) -> PresetRow:
    """Rename or share a preset, or let it load something else."""
    with services.catalog.read() as con:
        old = _visible(con, who, key)
    preset, left = (None, []) if data.preset is None else viewing.read_preset(data.preset)
    draft = PresetDraft(name=data.name, share=data.share, preset=preset)
    asker = _asker(who, old.project_id)
    kept = viewing.change_preset(services.catalog, old, asker, draft, rev=data.rev)
    return _row(kept, asker, left)


@delete(
    "/presets/{key:str}", right="reader", within="handler", status_code=200, sync_to_thread=True
)
def forget_preset(services: Rooms, who: Who, key: FromPath[str]) -> OperationDone:
    """Remove a preset; its owner and, once it is shared, who manages the project may."""
    with services.catalog.read() as con:
        old = _visible(con, who, key)
    asker = _asker(who, old.project_id)
    return OperationDone(viewing.forget_preset(services.catalog, old, asker), 1)


@post("/autoloader/case", right="reader", within="project", status_code=200, sync_to_thread=True)
def load_case(
    services: Rooms, who: Who, project: FromQuery[str], data: JSONBody[CaseAsked]
) -> LoadedCase:
    """Give the files that entries of an autoloader mean for a case. Nothing is changed."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
        case = viewing.find_case(con, project_id, data.case, data.level)
        found = viewing.case_files(con, project_id, case, data.entries, who.login)
    return LoadedCase(
        case=case.name,
        level="subject" if case.is_subject else "study",
        id=case.id,
        study_id=case.study_id,
        entries=[
            CaseEntry(
                files=[views.file_row(row) for row in one.files],
                n=one.n,
                wanted=one.wanted,
                problem=one.problem,
            )
            for one in found
        ],
    )


@post("/autoloader/ratings", right="reader", within="project", status_code=200, sync_to_thread=True)
def list_ratings(
    services: Rooms, who: Who, project: FromQuery[str], data: JSONBody[RatingsAsked]
) -> Items[RatedRow]:
    """Give which of some tags the cases of a cohort carry. Nothing is changed."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
        found = viewing.case_ratings(
            con,
            project_id,
            data.cases,
            data.tags,
            level=data.level,
            entry=data.entry,
            of_file=data.of_file,
            login=who.login,
        )
    return Items([msgspec.convert(one, RatedRow, from_attributes=True) for one in found])


def _visible(con: sqlite3.Connection, who: Caller, key: str) -> KeptPreset:
    """Give a preset that the caller may load; others are as if there were none."""
    found = viewing.find_preset(con, key)
    asker = _asker(who, found.project_id)
    if "reader" not in rights_in(who, found.project_id) or not found.seen_by(asker):
        raise viewing.no_preset()
    return found


def _asker(who: Caller, project_id: int) -> PresetAsker:
    rights = rights_in(who, project_id)
    return PresetAsker(login=who.login, edits="editor" in rights, manages="manage" in rights)


def _row(kept: KeptPreset, asker: PresetAsker, left_out: list[str] | None = None) -> PresetRow:
    return PresetRow(
        key=kept.key,
        project=kept.project,
        name=kept.name,
        owner=kept.owner,
        share=kept.share,
        rev=kept.rev,
        updated_at=iso(kept.updated_at),
        may_change=kept.changed_by(asker),
        may_own=kept.owned_by(asker),
        preset=kept.preset,
        left_out=left_out or [],
    )


ROUTES = [list_presets, keep_preset, change_preset, forget_preset, load_case, list_ratings]
