"""Making projects, subjects, studies, series and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from appliance.catalog.path_rows import intern_in, put_paths
from appliance.catalog.projects import set_project_state
from appliance.catalog.reads import get_project
from appliance.catalog.removing import is_purged
from appliance.catalog.rows import Project
from appliance.catalog.store import Tx
from appliance.core import Conflict, Invalid, NotFound, new_key, now_ms, safe_name

__all__ = [
    "add_file",
    "create_project",
    "ensure_project",
    "ensure_series",
    "ensure_study",
    "ensure_subject",
    "revive_study",
    "set_file_header",
]


def create_project(
    tx: Tx, name: str, module: str = "", policy: Mapping[str, Any] | None = None
) -> Project:
    """Make a project.

    Raises
    ------
    Invalid
        If the name is no plain folder name.
    Conflict
        If a project of that name exists.
    """
    if safe_name(name) != name or len(name) > 64:
        raise Invalid(
            f"{name!r} cannot be a project's name",
            hint="Use letters, digits, '_', '-' and '.', at most 64.",
        )
    row = tx.con.execute("SELECT id FROM projects WHERE name = ?", (name,)).fetchone()
    if row is not None:
        if is_purged(tx.con, row["id"]):
            return _anew(tx, name, module, policy)
        raise Conflict(
            f"a project {name!r} exists already",
            hint="Choose another name. Projects in the trash keep theirs.",
        )
    tx.con.execute(
        "INSERT INTO projects (key, name, module, policy, created_at) VALUES (?, ?, ?, ?, ?)",
        (new_key(), name, module, json.dumps(policy or {}), now_ms()),
    )
    tx.event("projects.changed", project=name)
    return get_project(tx.con, name)


def _anew(tx: Tx, name: str, module: str, policy: Mapping[str, Any] | None) -> Project:
    """Use the name of a project that left the trash; codes of its subjects are not given again."""
    tx.con.execute(
        "UPDATE projects SET module = ?, policy = ?, created_at = ? WHERE name = ?",
        (module, json.dumps(policy or {}), now_ms(), name),
    )
    set_project_state(tx, name, "active", actor="service")
    return get_project(tx.con, name)


def ensure_project(tx: Tx, name: str, module: str = "") -> Project:
    """Give a project, made when it does not exist, brought back when it is in the trash."""
    try:
        return get_project(tx.con, name)
    except NotFound:
        if tx.con.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone():
            set_project_state(tx, name, "active", actor="service")
            return get_project(tx.con, name)
        return create_project(tx, name, module)


def ensure_subject(tx: Tx, project_id: int, pid: str, *, sex: str | None = None) -> int:
    """Give the id of a subject, made when new; `sex` is filled in when it was unknown."""
    tx.con.execute(
        "INSERT INTO subjects (key, project_id, pid, sex, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (project_id, pid) DO UPDATE SET"
        " sex = ifnull(subjects.sex, excluded.sex), trashed_at = NULL",
        (new_key(), project_id, pid, sex, now_ms()),
    )
    row = tx.con.execute(
        "SELECT id FROM subjects WHERE project_id = ? AND pid = ?", (project_id, pid)
    ).fetchone()
    return int(row[0])


def ensure_study(
    tx: Tx,
    subject_id: int,
    sid: str,
    *,
    study_uid: str | None = None,
    date: str | None = None,
    time: str | None = None,
    age_years: float | None = None,
    description: str | None = None,
) -> int:
    """Give the id of a study, made when new; facts that were unknown are filled in.

    Parameters
    ----------
    date : str, optional
        ISO date, as the project's policy allows it.
    time : str, optional
        ``HH:MM:SS``.
    """
    facts = (study_uid, date, time, age_years, description)
    tx.con.execute(
        "INSERT INTO studies (key, project_id, subject_id, sid, created_at,"
        " study_uid, date, time, age_years, description)"
        " SELECT ?, project_id, id, ?, ?, ?, ?, ?, ?, ? FROM subjects WHERE id = ?"
        " ON CONFLICT (subject_id, sid) DO UPDATE SET rev = rev + 1, trashed_at = NULL,"
        " study_uid = ifnull(study_uid, excluded.study_uid), date = ifnull(date, excluded.date),"
        " time = ifnull(time, excluded.time), age_years = ifnull(age_years, excluded.age_years),"
        " description = ifnull(description, excluded.description)",
        (new_key(), sid, now_ms(), *facts, subject_id),
    )
    row = tx.con.execute(
        "SELECT s.id, p.name FROM studies s JOIN projects p ON p.id = s.project_id"
        " WHERE s.subject_id = ? AND s.sid = ?",
        (subject_id, sid),
    ).fetchone()
    if row is None:
        raise NotFound(f"no subject with id {subject_id}")
    tx.event("studies.changed", project=row["name"], study_ids=[row["id"]])
    return int(row["id"])


def ensure_series(
    tx: Tx,
    study_id: int,
    folder: str,
    *,
    series_uid: str | None = None,
    number: int | None = None,
    description: str | None = None,
    protocol: str | None = None,
    modality: str | None = None,
    n_instances: int = 0,
    key: str | None = None,
) -> int:
    """Give the id of a series by its folder in the study; its facts are brought up to date."""
    facts = (series_uid, number, description, protocol, modality, n_instances)
    tx.con.execute(
        "INSERT INTO series (key, study_id, folder, created_at, series_uid, number, description,"
        " protocol, modality, n_instances) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (study_id, folder) DO UPDATE SET series_uid = excluded.series_uid,"
        " number = excluded.number, description = excluded.description,"
        " protocol = excluded.protocol, modality = excluded.modality,"
        " n_instances = excluded.n_instances",
        (key or new_key(), study_id, folder, now_ms(), *facts),
    )
    row = tx.con.execute(
        "SELECT id FROM series WHERE study_id = ? AND folder = ?", (study_id, folder)
    ).fetchone()
    return int(row[0])


def add_file(
    tx: Tx,
    study_id: int,
    path: str,
    *,
    size_bytes: int,
    mtime_ns: int,
    kind: str,
    sha256: str | None = None,
    series_id: int | None = None,
    origin: str | None = None,
    header: Mapping[str, Any] | None = None,
    doc: Any = None,
) -> int:
    """Put a file into the catalog, or bring its row up to date.

    Parameters
    ----------
    path : str
        Relative to the study's folder.
    kind : str
        As `formats.kind_of` tells it.
    origin : str, optional
        Receipt item or attempt it came from.
    header : mapping, optional
        Shape, voxel size, type and number of volumes of an image.
    doc : JSON value, optional
        Parsed content of a JSON file, for metadata queries.

    Returns
    -------
    int
        Id of the file.
    """
    (kept,) = intern_in(tx.con, study_id, [path])
    put_paths(tx.con, [kept])
    tx.con.execute(
        "INSERT INTO files (key, project_id, study_id, series_id, path_id, size_bytes, mtime_ns,"
        " sha256, kind, origin, header, created_at)"
        " SELECT ?, s.project_id, s.id, ?, p.id, ?, ?, ?, ?, ?, ?, ?"
        " FROM studies s, paths p WHERE s.id = ? AND p.path = ?"
        " ON CONFLICT (study_id, path_id) DO UPDATE SET size_bytes = excluded.size_bytes,"
        " mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256, kind = excluded.kind,"
        " series_id = ifnull(excluded.series_id, series_id), origin = excluded.origin,"
        " header = excluded.header, trashed_at = NULL",
        (
            new_key(),
            series_id,
            size_bytes,
            mtime_ns,
            sha256,
            kind,
            origin,
            json.dumps(header) if header is not None else None,
            now_ms(),
            study_id,
            kept,
        ),
    )
    row = tx.con.execute(
        "SELECT f.id, j.name FROM paths p JOIN files f ON f.path_id = p.id"
        " JOIN projects j ON j.id = f.project_id WHERE p.path = ? AND f.study_id = ?",
        (kept, study_id),
    ).fetchone()
    if row is None:
        raise NotFound(f"no study with id {study_id}")
    revive_study(tx, study_id)
    if doc is not None:
        _put_meta(tx, row["id"], doc, mtime_ns)
    tx.event("files.changed", project=row["name"], study_id=study_id, file_ids=[row["id"]])
    return int(row["id"])


def revive_study(tx: Tx, study_id: int) -> None:
    """Take a study, and its subject, out of the trash: something new has come into it."""
    back = tx.con.execute(
        "UPDATE studies SET trashed_at = NULL WHERE id = ? AND trashed_at IS NOT NULL"
        " RETURNING subject_id, project_id",
        (study_id,),
    ).fetchone()
    if back is None:
        return
    tx.con.execute("UPDATE subjects SET trashed_at = NULL WHERE id = ?", (back["subject_id"],))
    name = tx.con.execute("SELECT name FROM projects WHERE id = ?", (back["project_id"],))
    tx.event("studies.changed", project=name.fetchone()[0], study_ids=[study_id])


def set_file_header(tx: Tx, file_id: int, header: Mapping[str, Any]) -> None:
    """Fill in what an image's header says, once it has been read."""
    tx.con.execute("UPDATE files SET header = ? WHERE id = ?", (json.dumps(header), file_id))


def _put_meta(tx: Tx, file_id: int, doc: Any, mtime_ns: int) -> None:
    tx.con.execute(
        "INSERT INTO meta (file_id, doc, mtime_ns, rev)"
        " VALUES (?, ?, ?, (SELECT ifnull(max(rev), 0) + 1 FROM meta))"
        " ON CONFLICT (file_id) DO UPDATE SET doc = excluded.doc, mtime_ns = excluded.mtime_ns,"
        " rev = excluded.rev",
        (file_id, json.dumps(doc), mtime_ns),
    )
