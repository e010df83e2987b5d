"""The columns of subjects and studies in memory: read whole, or brought up to date row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.interned import Words
from appliance.catalog.posting_reads import in_chunks
from appliance.catalog.postings import FileRows, Ids, StudyTable, SubjectTable

__all__ = [
    "new_words",
    "no_studies",
    "no_subjects",
    "with_facts",
    "with_studies",
    "with_subjects",
]

_T = TypeVar("_T", StudyTable, SubjectTable)

_SUBJECTS = "SELECT id, project_id, trashed_at IS NULL, pid, created_at FROM subjects"
_STUDIES = (
    "SELECT id, project_id, trashed_at IS NULL, subject_id, sid, ifnull(date, ''),"
    " ifnull(description, ''), ifnull(age_years, -1), created_at FROM studies"
)
_IMAGE = 1


def new_words() -> dict[str, Words]:
    """Give empty stores for the texts of the tables."""
    return {name: Words([""]) for name in ("pid", "sid", "date", "description")}


def no_subjects() -> SubjectTable:
    """Give a table without subjects."""
    ids = np.zeros(1, np.int32)
    return SubjectTable(ids, np.zeros(1, np.bool_), ids, np.zeros(1, np.int64))


def no_studies() -> StudyTable:
    """Give a table without studies."""
    ids, numbers, none = np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(1, np.bool_)
    return StudyTable(
        project=ids,
        subject=ids,
        live=none,
        sid=ids,
        date=ids,
        description=ids,
        age=np.zeros(1),
        created=numbers,
        n_files=ids,
        size_bytes=numbers,
        first_image=ids,
    )


def with_subjects(
    table: SubjectTable,
    con: sqlite3.Connection,
    words: Mapping[str, Words],
    ids: Iterable[int] | None = None,
) -> SubjectTable:
    """Read some subjects again, or all."""
    ids = None if ids is None else list(ids)
    rows = _rows(con, _SUBJECTS, ids)
    table = _without(table, rows, ids)
    for row in rows:
        i = row[0]
        table.project[i], table.live[i] = row[1], row[2]
        table.pid[i], table.created[i] = words["pid"].code(row[3]), row[4]
    return table


def with_studies(
    table: StudyTable,
    con: sqlite3.Connection,
    words: Mapping[str, Words],
    ids: Iterable[int] | None = None,
) -> StudyTable:
    """Read some studies again, or all; what is known of their files stays."""
    ids = None if ids is None else list(ids)
    rows = _rows(con, _STUDIES, ids)
    table = _without(table, rows, ids)
    sids, dates, texts = words["sid"], words["date"], words["description"]
    for row in rows:
        i = row[0]
        table.project[i], table.live[i], table.subject[i] = row[1], row[2], row[3]
        table.sid[i], table.date[i] = sids.code(row[4]), dates.code(row[5])
        table.description[i], table.age[i], table.created[i] = texts.code(row[6]), row[7], row[8]
    return table


def with_facts(table: StudyTable, rows: FileRows, study_ids: Ids | None = None) -> StudyTable:
    """Count the files of some studies, or of all; `rows` are all their live files."""
    n = max(len(table), int(rows.study.max(initial=0)) + 1)
    table = _grown(table, n)
    chosen = np.arange(n) if study_ids is None else study_ids[study_ids < n]
    images = rows.kind == _IMAGE
    first = np.full(n, np.iinfo(np.int32).max, np.int32)
    np.minimum.at(first, rows.study[images], rows.file[images])
    first[first == np.iinfo(np.int32).max] = 0
    n_bytes = np.bincount(rows.study, rows.size_bytes, n).astype(np.int64)
    table.n_files[chosen] = np.bincount(rows.study, minlength=n)[chosen]
    table.size_bytes[chosen] = n_bytes[chosen]
    table.first_image[chosen] = first[chosen]
    return table


def _rows(con: sqlite3.Connection, select: str, ids: list[int] | None) -> list[Any]:
    if ids is None:
        return con.execute(select).fetchall()
    found: list[Any] = []
    for chunk in in_chunks(ids):
        found += con.execute(f"{select} WHERE id IN ({','.join('?' * len(chunk))})", chunk)
    return found


def _without(table: _T, rows: list[Any], ids: list[int] | None) -> _T:
    """Copy a table, long enough for new rows and with those forgotten that are read again."""
    last = max([0, *(row[0] for row in rows)])
    table = _grown(table, max(len(table.project), last + 1))
    gone = np.array([i for i in ids or [] if i < len(table.project)], np.int64)
    table.project[gone], table.live[gone] = 0, False
    return table


def _grown(table: _T, n: int) -> _T:
    columns = {f.name: _padded(getattr(table, f.name), n) for f in fields(table)}
    return replace(table, **columns)


def _padded(column: NDArray[Any], n: int) -> NDArray[Any]:
    found = np.zeros(n, column.dtype)
    found[: len(column)] = column
    return found
