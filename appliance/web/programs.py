"""Finds what the names in a program's request mean."""

from __future__ import annotations

from collections.abc import Sequence

from appliance import catalog
from appliance.core import DataFolder, Invalid, NotFound, safe_join
from appliance.web.schemas.programs import Named, Output, OutputRequest
from appliance.web.selecting import study_ids

__all__ = ["outputs", "resolve"]


def resolve(con: catalog.Reader, project: str, names: Sequence[str]) -> list[Named]:
    """Find subjects and studies by their exact names.

    Raises
    ------
    NotFound
        If one of them is unknown; the first is named.
    """
    project_id = catalog.get_project(con, project).id
    return [_named(con, project_id, project, name) for name in names]


def outputs(
    folder: DataFolder, con: catalog.Reader, project: str, data: OutputRequest
) -> list[Output]:
    """Tell where an output belongs in each study that is meant.

    Raises
    ------
    NotFound
        If no study is meant.
    Invalid
        If the path leads out of the study, or is a pattern.
    """
    if "*" in data.path:
        raise Invalid(f"{data.path!r} is a pattern", hint="Write the name of one file or folder.")
    found = catalog.get_project(con, project)
    places = [_place(con, study_id) for study_id in study_ids(con, found.id, [data.study]) or []]
    if not places:
        raise NotFound(f"project {project} has no study {data.study!r}")
    return [
        Output(
            psid=f"{pid}#{sid}",
            path=data.path,
            absolute_path=str(
                safe_join(catalog.study_dir(folder, found.name, pid, sid), data.path)
            ),
        )
        for pid, sid in places
    ]


def _named(con: catalog.Reader, project_id: int, project: str, name: str) -> Named:
    if "#" in name:
        return Named(name, "study", catalog.find_study(con, project_id, name))
    row = con.execute(
        "SELECT id FROM subjects WHERE project_id = ? AND pid = ? AND trashed_at IS NULL",
        (project_id, name),
    ).fetchone()
    if row is None:
        raise NotFound(f"no subject {name!r} in project {project}")
    return Named(name, "subject", row[0])


def _place(con: catalog.Reader, study_id: int) -> tuple[str, str]:
    pid, sid = con.execute(
        "SELECT u.pid, s.sid FROM studies s JOIN subjects u ON u.id = s.subject_id WHERE s.id = ?",
        (study_id,),
    ).fetchone()
    return pid, sid
