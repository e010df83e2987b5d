"""Pages of subjects, studies and files under the filter bars, by keyset."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.catalog.conditions import Condition, all_of, file_condition, study_condition
from appliance.catalog.filters import Attribute, like, parse_filter
from appliance.catalog.reads import FILE_COLUMNS, file_rows, tags_of
from appliance.catalog.rows import (
    FileQuery,
    FileRow,
    JobCounts,
    Page,
    StudyQuery,
    StudyRow,
    SubjectQuery,
    SubjectRow,
)
from appliance.core import Invalid

__all__ = ["list_files", "list_studies", "list_subjects", "study_rows"]

_MAX_LIMIT = 1000
_STUDY_SORTS = {
    "date": "ifnull(s.date, '')",
    "pid": "u.pid",
    "sid": "s.sid",
    "created": "s.created_at",
    "description": "ifnull(s.description, '')",
    "age": "ifnull(s.age_years, -1)",
}
_FILE_SORTS = {"path": "p.path", "size": "f.size_bytes", "mtime": "f.mtime_ns", "kind": "f.kind"}
_SUBJECT_SORTS = {"pid": "u.pid", "created": "u.created_at"}
_STUDY_FROM = "FROM studies s JOIN subjects u ON u.id = s.subject_id"
_STUDY_FACTS = (
    "SELECT s.*, u.pid, u.sex,"
    " (SELECT group_concat(DISTINCT modality) FROM series WHERE study_id = s.id) modalities,"
    " (SELECT count(*) FROM files WHERE study_id = s.id AND trashed_at IS NULL) n_files,"
    " (SELECT ifnull(sum(size_bytes), 0) FROM files WHERE study_id = s.id) size_bytes,"
    " (SELECT min(id) FROM files WHERE study_id = s.id AND trashed_at IS NULL"
    "  AND kind = 'image') preview_file_id"
)


def list_studies(con: sqlite3.Connection, project_id: int, query: StudyQuery) -> Page[StudyRow]:
    """Give one page of studies.

    Raises
    ------
    Invalid
        If a filter, the sort or the cursor does not parse.
    """
    where = all_of(_study_conditions(con, project_id, query))
    total = con.execute(f"SELECT count(*) {_STUDY_FROM} WHERE {where[0]}", where[1]).fetchone()[0]
    order = _Order(query.sort, _STUDY_SORTS, "s.id", query.after)
    sql, values = order.page(f"{_STUDY_FACTS}, {order.column} AS sort_key {_STUDY_FROM}", where)
    rows = con.execute(sql, [*values, _limit(query.limit) + 1]).fetchall()
    kept = rows[: _limit(query.limit)]
    return Page(study_rows(con, kept), order.cursor(rows, kept), total)


def list_subjects(
    con: sqlite3.Connection, project_id: int, query: SubjectQuery
) -> Page[SubjectRow]:
    """Give one page of subjects; `files` and `tags` ask their studies."""
    parts: list[Condition] = [("u.project_id = ? AND u.trashed_at IS NULL", [project_id])]
    parts += _name_condition(query.name)
    inner = [
        part
        for part in (
            study_condition(con, project_id, query.files) if query.files.strip() else None,
            *_tag_conditions(con, project_id, query.tags),
        )
        if part
    ]
    if inner:
        sql, values = all_of(inner)
        parts.append((f"u.id IN (SELECT s.subject_id FROM studies s WHERE {sql})", values))
    where = all_of(parts)
    total = con.execute(f"SELECT count(*) FROM subjects u WHERE {where[0]}", where[1]).fetchone()[0]
    order = _Order(query.sort, _SUBJECT_SORTS, "u.id", query.after)
    select = (
        "SELECT u.*, (SELECT count(*) FROM studies WHERE subject_id = u.id"
        " AND trashed_at IS NULL) n_studies, (SELECT max(date) FROM studies"
        " WHERE subject_id = u.id) last_date, (SELECT count(*) FROM studies s JOIN files f"
        " ON f.study_id = s.id WHERE s.subject_id = u.id AND f.trashed_at IS NULL) n_files,"
        f" {order.column} AS sort_key FROM subjects u"
    )
    sql, values = order.page(select, where)
    rows = con.execute(sql, [*values, _limit(query.limit) + 1]).fetchall()
    kept = rows[: _limit(query.limit)]
    return Page(_subject_rows(con, kept), order.cursor(rows, kept), total)


def list_files(con: sqlite3.Connection, project_id: int, query: FileQuery) -> Page[FileRow]:
    """Give one page of files of a project or of one study."""
    parts: list[Condition] = [
        ("f.project_id = ? AND f.trashed_at IS NULL", [project_id]),
        file_condition(con, query.files, anchored=False),
    ]
    if query.study_id is not None:
        parts.append(("f.study_id = ?", [query.study_id]))
    if query.kind:
        parts.append(("f.kind = ?", [query.kind]))
    where = all_of(parts)
    tables = "FROM files f JOIN paths p ON p.id = f.path_id JOIN studies s ON s.id = f.study_id"
    total = con.execute(f"SELECT count(*) {tables} WHERE {where[0]}", where[1]).fetchone()[0]
    order = _Order(query.sort, _FILE_SORTS, "f.id", query.after)
    columns = FILE_COLUMNS.replace(" FROM files", f", {order.column} AS sort_key FROM files", 1)
    sql, values = order.page(columns, where)
    rows = con.execute(sql, [*values, _limit(query.limit) + 1]).fetchall()
    kept = rows[: _limit(query.limit)]
    return Page(file_rows(con, kept), order.cursor(rows, kept), total)


def study_rows(con: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[StudyRow]:
    """Turn rows of studies into values, with tags and job counts."""
    ids = [row["id"] for row in rows]
    tags = tags_of(con, "study", ids)
    subject_tags = tags_of(con, "subject", [row["subject_id"] for row in rows])
    jobs = _job_counts(con, ids)
    return [
        StudyRow(
            id=row["id"],
            key=row["key"],
            psid=f"{row['pid']}#{row['sid']}",
            subject_id=row["subject_id"],
            pid=row["pid"],
            sex=row["sex"],
            sid=row["sid"],
            date=row["date"],
            age_years=row["age_years"],
            description=row["description"],
            modalities=sorted((row["modalities"] or "").split(",")) if row["modalities"] else [],
            tags=tags[row["id"]],
            subject_tags=subject_tags[row["subject_id"]],
            n_files=row["n_files"],
            size_bytes=row["size_bytes"],
            preview_file_id=row["preview_file_id"],
            jobs=jobs.get(row["id"], JobCounts()),
        )
        for row in rows
    ]


def _subject_rows(con: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[SubjectRow]:
    tags = tags_of(con, "subject", [row["id"] for row in rows])
    studies: dict[int, int] = {}
    for row in rows:
        for study in con.execute("SELECT id FROM studies WHERE subject_id = ?", (row["id"],)):
            studies[study[0]] = row["id"]
    jobs: dict[int, JobCounts] = {}
    for study_id, counts in _job_counts(con, list(studies)).items():
        old = jobs.get(studies[study_id], JobCounts())
        jobs[studies[study_id]] = JobCounts(
            old.q + counts.q, old.r + counts.r, old.e + counts.e, old.d + counts.d
        )
    return [
        SubjectRow(
            id=row["id"],
            key=row["key"],
            pid=row["pid"],
            sex=row["sex"],
            tags=tags[row["id"]],
            n_studies=row["n_studies"],
            n_files=row["n_files"],
            last_date=row["last_date"],
            jobs=jobs.get(row["id"], JobCounts()),
        )
        for row in rows
    ]


def _job_counts(con: sqlite3.Connection, ids: Sequence[int]) -> dict[int, JobCounts]:
    counter = getattr(con, "job_counter", None)
    if counter is None or not ids:
        return {}
    found: Mapping[int, Mapping[str, int]] = counter(con, ids)
    return {i: JobCounts(**{k: v for k, v in c.items() if k in "qred"}) for i, c in found.items()}


def _study_conditions(
    con: sqlite3.Connection, project_id: int, query: StudyQuery
) -> list[Condition]:
    parts: list[Condition] = [("s.project_id = ? AND s.trashed_at IS NULL", [project_id])]
    parts += _name_condition(query.name)
    if query.files.strip():
        parts.append(study_condition(con, project_id, query.files))
    for word in query.description.split():
        text = like(f"*{word}", anchored=False)
        parts.append(("lower(ifnull(s.description, '')) LIKE ? ESCAPE '\\'", [text]))
    parts += _tag_conditions(con, project_id, query.tags)
    if query.jobs:
        parts.append(study_condition(con, project_id, f'JOB:"{query.jobs}"'))
    if query.date_from:
        parts.append(("s.date >= ?", [query.date_from]))
    if query.date_to:
        parts.append(("s.date <= ?", [query.date_to]))
    if query.subject_id is not None:
        parts.append(("s.subject_id = ?", [query.subject_id]))
    return parts


def _name_condition(text: str) -> list[Condition]:
    """Blank means or, as everywhere: "A B" = code begins with A or with B."""
    words = text.split()
    if not words:
        return []
    sql = " OR ".join(["lower(u.pid) LIKE ? ESCAPE '\\'"] * len(words))
    return [(sql, [like(word, anchored=False) for word in words])]


def _tag_conditions(con: sqlite3.Connection, project_id: int, text: str) -> list[Condition]:
    """Names of tags on study or subject, or the attributes themselves; blank = or."""
    if not text.strip():
        return []
    if isinstance(parse_filter(text), Attribute) or ":" in text:
        return [study_condition(con, project_id, text)]
    both = " ".join(f'STAG:"{w}" PTAG:"{w}"' for w in text.replace('"', "").split())
    return [study_condition(con, project_id, both)]


def _limit(limit: int) -> int:
    return max(1, min(limit, _MAX_LIMIT))


class _Order:
    """One sort order with its cursor: base64 of ``[value, id]`` of the last row."""

    def __init__(self, sort: str, allowed: Mapping[str, str], id_column: str, after: str | None):
        self.descending = sort.startswith("-")
        name = sort.lstrip("-")
        if name not in allowed:
            raise Invalid(f"cannot sort by {name!r}", hint=f"Use one of {', '.join(allowed)}.")
        self.column = allowed[name]
        self.id_column = id_column
        self.after = _decode(after) if after else None

    def page(self, select: str, where: Condition) -> Condition:
        """Give the query of one page; its last parameter, the limit, is still to be added."""
        sql, values = where
        if self.after is not None:
            sign = "<" if self.descending else ">"
            sql = f"({sql}) AND ({self.column}, {self.id_column}) {sign} (?, ?)"
            values = [*values, *self.after]
        word = "DESC" if self.descending else "ASC"
        order = f"ORDER BY {self.column} {word}, {self.id_column} {word} LIMIT ?"
        return f"{select} WHERE {sql} {order}", values

    @staticmethod
    def cursor(rows: Sequence[sqlite3.Row], kept: Sequence[sqlite3.Row]) -> str | None:
        """Give the cursor of the next page, None when this was the last."""
        if len(rows) <= len(kept):
            return None
        last = json.dumps([kept[-1]["sort_key"], kept[-1]["id"]])
        return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def _decode(cursor: str) -> list[Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(value, list) and len(value) == 2:
            return value
    except ValueError:
        pass
    raise Invalid("the page cursor is damaged", hint="Start again from the first page.")
