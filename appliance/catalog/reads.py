"""Single things out of the catalog: a project, a file, a study and its files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from appliance.catalog.in_memory import postings_of
from appliance.catalog.rows import FileRow, Project, SeriesFacts, TagCount
from appliance.catalog.templates import path_sql
from appliance.core import NotFound

__all__ = [
    "FILE_COLUMNS",
    "file_rows",
    "find_study",
    "get_file",
    "get_project",
    "list_projects",
    "project_tags",
    "study_files",
    "tags_of",
]

FILE_COLUMNS = (
    f"SELECT f.*, {path_sql()} AS path, j.name AS project, s.sid, u.pid, r.id AS has_series,"
    " r.number, r.description, r.protocol, r.modality"
    " FROM files f JOIN paths p ON p.id = f.path_id JOIN projects j ON j.id = f.project_id"
    " JOIN studies s ON s.id = f.study_id JOIN subjects u ON u.id = s.subject_id"
    " LEFT JOIN series r ON r.id = f.series_id"
)
_COUNTS = (
    "SELECT (SELECT count(*) FROM subjects WHERE project_id = ?1 AND trashed_at IS NULL),"
    " (SELECT count(*) FROM studies WHERE project_id = ?1 AND trashed_at IS NULL),"
    " count(*), ifnull(sum(size_bytes), 0) FROM files"
    " WHERE project_id = ?1 AND trashed_at IS NULL"
)
_MAX_VARIABLES = 500


def get_project(con: sqlite3.Connection, name: str) -> Project:
    """Give a project by name.

    Raises
    ------
    NotFound
        If there is none; the hint names those that exist.
    """
    row = con.execute(
        "SELECT * FROM projects WHERE name = ? AND state <> 'trashed'", (name,)
    ).fetchone()
    if row is None:
        there = "SELECT name FROM projects WHERE state <> 'trashed' ORDER BY name LIMIT 8"
        names = [r[0] for r in con.execute(there)]
        raise NotFound(f"no project {name!r}", hint=f"Projects: {', '.join(names) or 'none yet'}.")
    return _project(row)


def list_projects(con: sqlite3.Connection) -> list[Project]:
    """Give all projects with their counts, by name."""
    rows = con.execute("SELECT * FROM projects WHERE state <> 'trashed' ORDER BY name").fetchall()
    return [_project(row, _counts(con, row["id"])) for row in rows]


def get_file(con: sqlite3.Connection, file_id: int) -> FileRow:
    """Give a file by id.

    Raises
    ------
    NotFound
        If there is none, or it is in the trash.
    """
    rows = con.execute(
        f"{FILE_COLUMNS} WHERE f.id = ? AND f.trashed_at IS NULL", (file_id,)
    ).fetchall()
    if not rows:
        raise NotFound(f"no file with id {file_id}")
    return file_rows(con, rows)[0]


def study_files(con: sqlite3.Connection, study_id: int, *, in_trash: bool = False) -> list[FileRow]:
    """Give all files of a study, by path; or those of it that lie in the trash."""
    where = "f.trashed_at IS NOT NULL" if in_trash else "f.trashed_at IS NULL"
    rows = con.execute(
        f"{FILE_COLUMNS} WHERE f.study_id = ? AND {where} ORDER BY {path_sql()}", (study_id,)
    ).fetchall()
    return file_rows(con, rows)


def find_study(con: sqlite3.Connection, project_id: int, psid: str) -> int:
    """Give the id of a study named ``PID#SID``.

    Raises
    ------
    NotFound
        If there is none.
    """
    pid, _, sid = psid.partition("#")
    row = con.execute(
        "SELECT s.id FROM subjects u JOIN studies s ON s.subject_id = u.id"
        " WHERE u.project_id = ? AND u.pid = ? AND s.sid = ? AND s.trashed_at IS NULL",
        (project_id, pid, sid),
    ).fetchone()
    if row is None:
        raise NotFound(f"no study {psid!r} in this project", hint="Write it as SUBJECT#STUDY.")
    return int(row[0])


def project_tags(con: sqlite3.Connection, project_id: int) -> dict[str, list[TagCount]]:
    """Count the tags of a project on each level."""
    postings = postings_of(con)
    if postings is not None:
        from appliance.catalog.fast_counts import tag_counts

        fast = tag_counts(postings, project_id)
        return {level: [TagCount(*pair) for pair in tags.items()] for level, tags in fast.items()}
    found = {}
    for level, table in (("subject", "subjects"), ("study", "studies"), ("file", "files")):
        rows = con.execute(
            f"SELECT t.name, count(*) n FROM {table} o JOIN {level}_tags x ON x.x_id = o.id"
            " JOIN tags t ON t.id = x.tag_id WHERE o.project_id = ? AND o.trashed_at IS NULL"
            " GROUP BY t.id ORDER BY t.name",
            (project_id,),
        ).fetchall()
        found[level] = [TagCount(row["name"], row["n"]) for row in rows]
    return found


def tags_of(con: sqlite3.Connection, level: str, ids: Sequence[int]) -> dict[int, list[str]]:
    """Give the tags of many subjects, studies or files."""
    found: dict[int, list[str]] = {i: [] for i in ids}
    for chunk in _chunks(ids):
        marks = ",".join("?" * len(chunk))
        for row in con.execute(
            f"SELECT x.x_id, t.name FROM {level}_tags x JOIN tags t ON t.id = x.tag_id"
            f" WHERE x.x_id IN ({marks}) ORDER BY t.name",
            chunk,
        ):
            found[row[0]].append(row[1])
    return found


def file_rows(con: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> list[FileRow]:
    """Turn rows of `FILE_COLUMNS` into values, with their tags."""
    found = list(rows)
    tags = tags_of(con, "file", [row["id"] for row in found])
    return [_file(row, tags[row["id"]]) for row in found]


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    for start in range(0, len(ids), _MAX_VARIABLES):
        yield ids[start : start + _MAX_VARIABLES]


def _counts(con: sqlite3.Connection, project_id: int) -> dict[str, int]:
    names = ("n_subjects", "n_studies", "n_files", "size_bytes")
    postings = postings_of(con)
    if postings is not None:
        from appliance.catalog.fast_counts import project_counts

        return project_counts(postings, project_id)._asdict()
    return dict(zip(names, con.execute(_COUNTS, (project_id,)).fetchone(), strict=True))


def _project(row: sqlite3.Row, counts: Mapping[str, int] | None = None) -> Project:
    return Project(
        id=row["id"],
        key=row["key"],
        name=row["name"],
        module=row["module"],
        policy=json.loads(row["policy"]),
        state=row["state"],
        created_at=row["created_at"],
        **(counts or {}),
    )


def _file(row: sqlite3.Row, tags: list[str]) -> FileRow:
    series = None
    if row["has_series"] is not None:
        series = SeriesFacts(
            number=row["number"],
            description=row["description"],
            protocol=row["protocol"],
            modality=row["modality"],
        )
    return FileRow(
        id=row["id"],
        key=row["key"],
        project=row["project"],
        project_id=row["project_id"],
        study_id=row["study_id"],
        pid=row["pid"],
        sid=row["sid"],
        psid=f"{row['pid']}#{row['sid']}",
        path=row["path"],
        kind=row["kind"],
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        sha256=row["sha256"],
        origin=row["origin"],
        tags=tags,
        series=series,
        header=json.loads(row["header"]) if row["header"] else None,
    )
