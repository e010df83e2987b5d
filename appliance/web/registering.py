"""Puts files that lie in a project's folder into the catalog, and takes them out again."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance import catalog
from appliance.catalog import Caller
from appliance.core import Invalid, NotFound, file_around, is_any_file
from appliance.web.schemas import Done, FilesAdd, FilesRemove, Identity, OperationDone
from appliance.web.scope import check_project
from appliance.web.services import Services

if TYPE_CHECKING:
    from appliance.formats import FileFacts

__all__ = ["add_files", "remove_files", "reveal"]

_LOG = logging.getLogger(__name__)
_FILES_PER_WRITE = 50


class _Place(msgspec.Struct, frozen=True):
    """Where a path lies in a project."""

    psid: str
    name: str
    path: Path


class _Facts(msgspec.Struct, frozen=True):
    """What was read of a file before the catalog is written."""

    study_id: int
    name: str
    columns: FileFacts


def add_files(services: Services, who: Caller, data: FilesAdd) -> Done:
    """Register files; what a running job adds waits until the job has succeeded.

    Raises
    ------
    Invalid
        If a path is not below a study of the project.
    NotFound
        If there is no such file or study.
    """
    with services.catalog.read() as con:
        check_project(con, who, data.project)
        project = catalog.get_project(con, data.project)
        catalog.require_open(con, project.id)
        places = [_place(services, project.name, text) for text in data.paths]
        studies = [catalog.find_study(con, project.id, place.psid) for place in places]
    if who.job_key is not None:
        paths = [place.path for place in places]
        return Done(services.scheduler.pend_tags(who.job_key, paths, data.tags))
    found = [_look(study, place) for study, place in zip(studies, places, strict=True)]
    for start in range(0, len(found), _FILES_PER_WRITE):
        chunk = found[start : start + _FILES_PER_WRITE]
        services.catalog.write(lambda tx, chunk=chunk: _write(tx, chunk, data.tags))  # type: ignore[misc]
    return Done(len(found))


def remove_files(services: Services, who: Caller, data: FilesRemove) -> OperationDone:
    """Put files into the trash.

    Raises
    ------
    NotFound
        If one of them is not in the catalog; then none is touched.
    """
    with services.catalog.read() as con:
        check_project(con, who, data.project)
        project = catalog.get_project(con, data.project)
        catalog.require_open(con, project.id)
        ids = [_file_id(con, project, _place(services, project.name, p)) for p in data.paths]
    actor = who.job_key or who.login
    operation = services.catalog.write(lambda tx: catalog.trash_files(tx, ids, actor))
    return OperationDone(operation, len(ids))


def reveal(services: Services, who: Caller, subject_id: int) -> Identity:
    """Tell who a subject is, and put on record who asked.

    Raises
    ------
    NotFound
        If there is no such subject, or nothing is known of it.
    """
    with services.catalog.read() as con:
        row = con.execute(
            "SELECT p.id, p.key, s.pid FROM subjects s JOIN projects p ON p.id = s.project_id"
            " WHERE s.id = ?",
            (subject_id,),
        ).fetchone()
    if row is None:
        raise NotFound(f"no subject with id {subject_id}")
    target = {"project_id": row["id"], "subject_id": subject_id}
    services.catalog.write(lambda tx: tx.operation("reveal", actor=who.login, target=target))
    found = services.identities.reveal(row["key"], row["pid"])
    return Identity(found.patient_id, found.name, found.birth_date, found.sex)


def _place(services: Services, project: str, text: str) -> _Place:
    """Read an absolute path, or ``PID#SID/path``."""
    root = catalog.project_root(services.folder, project).resolve()
    path = Path(text) if text.startswith("/") else root / text.replace("#", "/", 1)
    real = path.parent.resolve() / path.name  # a file of existing data is a link that leads out
    parts = real.relative_to(root).parts if real.is_relative_to(root) else ()
    if len(parts) < 3:
        raise Invalid(
            f"{text!r} does not lie in a study of project {project!r}",
            hint=f"Studies lie in {root}/SUBJECT/STUDY. Use 'nora import' for other files.",
        )
    real = file_around(root.joinpath(*parts[:2]), real) or real
    name = "/".join(real.relative_to(root).parts[2:])
    catalog.linked_join(services.folder, project, parts[0], parts[1], name)  # refuses other links
    return _Place(f"{parts[0]}#{parts[1]}", name, real)


def _look(study_id: int, place: _Place) -> _Facts:
    from appliance.formats import file_facts

    if not is_any_file(place.path):
        raise NotFound(f"there is no file {place.name!r} in study {place.psid}")
    return _Facts(study_id, place.name, file_facts(place.path))


def _write(tx: catalog.Tx, found: Sequence[_Facts], tags: Sequence[str]) -> None:
    ids = [catalog.add_file(tx, new.study_id, new.name, **new.columns) for new in found]
    if tags:
        catalog.tag(tx, "file", ids, add=tags)


def _file_id(con: sqlite3.Connection, project: catalog.Project, place: _Place) -> int:
    study_id = catalog.find_study(con, project.id, place.psid)
    for row in catalog.study_files(con, study_id):
        if row.path == place.name:
            return row.id
    raise NotFound(f"{place.name!r} is not in the catalog for study {place.psid}")
