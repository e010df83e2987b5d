"""Making projects, subjects, studies, series and files; tags; trash and undo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from appliance.catalog.documents import put_doc
from appliance.catalog.reads import get_project
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
    "set_file_header",
    "tag",
    "trash_files",
    "undo",
]

_LEVELS = {"subject": "subjects", "study": "studies", "file": "files"}


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
    if tx.con.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone():
        raise Conflict(f"a project {name!r} exists already")
    tx.con.execute(
        "INSERT INTO projects (key, name, module, policy, created_at) VALUES (?, ?, ?, ?, ?)",
        (new_key(), name, module, json.dumps(policy or {}), now_ms()),
    )
    tx.event("projects.changed", project=name)
    return get_project(tx.con, name)


def ensure_project(tx: Tx, name: str, module: str = "") -> Project:
    """Give a project, made when it does not exist."""
    try:
        return get_project(tx.con, name)
    except NotFound:
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
    tx.con.execute(
        "INSERT INTO paths (path, path_fold) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
        (path, path.casefold()),
    )
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
            path,
        ),
    )
    row = tx.con.execute(
        "SELECT f.id, j.name FROM paths p JOIN files f ON f.path_id = p.id"
        " JOIN projects j ON j.id = f.project_id WHERE p.path = ? AND f.study_id = ?",
        (path, study_id),
    ).fetchone()
    if row is None:
        raise NotFound(f"no study with id {study_id}")
    if doc is not None:
        _put_meta(tx, row["id"], doc, mtime_ns)
    tx.event("files.changed", project=row["name"], study_id=study_id, file_ids=[row["id"]])
    return int(row["id"])


def set_file_header(tx: Tx, file_id: int, header: Mapping[str, Any]) -> None:
    """Fill in what an image's header says, once it has been read."""
    tx.con.execute("UPDATE files SET header = ? WHERE id = ?", (json.dumps(header), file_id))


def tag(
    tx: Tx, level: str, ids: Sequence[int], add: Iterable[str] = (), remove: Iterable[str] = ()
) -> None:
    """Put tags on subjects, studies or files, or take them off.

    Raises
    ------
    Invalid
        If the level or a tag's name does not fit.
    """
    if level not in _LEVELS:
        raise Invalid(f"no level {level!r}", hint="Use subject, study or file.")
    for name in add:
        tag_id = _tag_id(tx, name)
        tx.con.executemany(
            f"INSERT OR IGNORE INTO {level}_tags (tag_id, x_id) VALUES (?, ?)",
            [(tag_id, x) for x in ids],
        )
    for name in remove:
        tx.con.executemany(
            f"DELETE FROM {level}_tags WHERE x_id = ?"
            " AND tag_id = (SELECT id FROM tags WHERE name = ?)",
            [(x, name) for x in ids],
        )
    tx.event("tags.changed", level=level, ids=list(ids))


def trash_files(tx: Tx, ids: Sequence[int], actor: str) -> int:
    """Put files into the trash; `undo` brings them back. Bytes on disk stay.

    Returns
    -------
    int
        Id of the operation.
    """
    now = now_ms()
    gone = [
        i
        for i in ids
        if tx.con.execute(
            "UPDATE files SET trashed_at = ? WHERE id = ? AND trashed_at IS NULL", (now, i)
        ).rowcount
    ]
    _tell_files(tx, gone)
    return tx.operation("trash", actor=actor, target={"files": gone}, before={"files": gone})


def undo(tx: Tx, operation_id: int, actor: str) -> None:
    """Take an operation back.

    Raises
    ------
    NotFound
        If there is no such operation.
    Conflict
        If it was undone already, or cannot be.
    """
    row = tx.con.execute("SELECT * FROM operations WHERE id = ?", (operation_id,)).fetchone()
    if row is None:
        raise NotFound(f"no operation {operation_id}")
    back = {"trash": _untrash, "delete_doc": _undelete_doc}.get(row["verb"])
    if row["undone_at"] is not None or back is None:
        raise Conflict(f"operation {operation_id} cannot be undone")
    back(tx, json.loads(row["target"]), json.loads(row["before"]))
    tx.con.execute("UPDATE operations SET undone_at = ? WHERE id = ?", (now_ms(), operation_id))
    tx.operation("undo", actor=actor, target={"operation": operation_id})


def _untrash(tx: Tx, _target: dict[str, Any], before: dict[str, Any]) -> None:
    ids = before["files"]
    tx.con.executemany("UPDATE files SET trashed_at = NULL WHERE id = ?", [(i,) for i in ids])
    _tell_files(tx, ids)


def _undelete_doc(tx: Tx, target: dict[str, Any], before: dict[str, Any]) -> None:
    """Bring a document back, unless its name has been taken since."""
    put_doc(
        tx, target["kind"], target["name"], before["doc"], project_id=target["project_id"], rev=0
    )


def _tag_id(tx: Tx, name: str) -> int:
    clean = name.strip()
    if not clean or len(clean) > 100 or any(c in clean for c in '/,"\n'):
        raise Invalid(f"{name!r} cannot be a tag", hint="No '/', ',' or quotes; at most 100.")
    tx.con.execute("INSERT INTO tags (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (clean,))
    return int(tx.con.execute("SELECT id FROM tags WHERE name = ?", (clean,)).fetchone()[0])


def _put_meta(tx: Tx, file_id: int, doc: Any, mtime_ns: int) -> None:
    tx.con.execute(
        "INSERT INTO meta (file_id, doc, mtime_ns, rev)"
        " VALUES (?, ?, ?, (SELECT ifnull(max(rev), 0) + 1 FROM meta))"
        " ON CONFLICT (file_id) DO UPDATE SET doc = excluded.doc, mtime_ns = excluded.mtime_ns,"
        " rev = excluded.rev",
        (file_id, json.dumps(doc), mtime_ns),
    )


def _tell_files(tx: Tx, ids: Sequence[int]) -> None:
    by_study: dict[tuple[str, int], list[int]] = {}
    for i in ids:
        row = tx.con.execute(
            "SELECT j.name, f.study_id FROM files f JOIN projects j ON j.id = f.project_id"
            " WHERE f.id = ?",
            (i,),
        ).fetchone()
        by_study.setdefault((row["name"], row["study_id"]), []).append(i)
    for (project, study_id), files in by_study.items():
        tx.event("files.changed", project=project, study_id=study_id, file_ids=files)
