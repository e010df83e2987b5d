"""What the table shows of subjects, studies and files, worked out for the ids of one page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from appliance.catalog.reads import FILE_COLUMNS, file_rows, tags_of
from appliance.catalog.rows import FileRow, JobCounts, StudyRow, SubjectRow

if TYPE_CHECKING:
    from appliance.catalog.postings import Postings

__all__ = ["file_page", "study_page", "subject_page"]

_MOST_MARKS = 1000
_STUDIES = (
    "SELECT s.*, u.pid, u.sex FROM studies s CROSS JOIN subjects u ON u.id = s.subject_id"
    " WHERE s.trashed_at IS NULL AND s.id IN ({})"
)
_MODALITIES = (
    "SELECT DISTINCT study_id, modality FROM series"
    " WHERE modality IS NOT NULL AND study_id IN ({}) ORDER BY study_id, modality"
)
_FACTS = (
    "SELECT study_id, count(*), sum(size_bytes), min(CASE WHEN kind = 'image' THEN id END)"
    " FROM files WHERE trashed_at IS NULL AND study_id IN ({}) GROUP BY study_id"
)
_SUBJECTS = "SELECT * FROM subjects WHERE trashed_at IS NULL AND id IN ({})"
_STUDIES_OF = (
    "SELECT id, subject_id, date FROM studies WHERE trashed_at IS NULL AND subject_id IN ({})"
)


class _Facts(NamedTuple):
    """Of the files of one study."""

    n_files: int = 0
    size_bytes: int = 0
    first_image: int | None = None


def study_page(
    con: sqlite3.Connection, ids: Sequence[int], postings: Postings | None = None
) -> list[StudyRow]:
    """Give studies in the order of their ids; those in the trash are left out."""
    rows = {row["id"]: row for row in _select(con, _STUDIES, ids)}
    kept = [i for i in ids if i in rows]
    modalities: dict[int, list[str]] = {}
    for study_id, modality in _select(con, _MODALITIES, kept):
        modalities.setdefault(study_id, []).append(modality)
    tags = tags_of(con, "study", kept)
    subject_tags = tags_of(con, "subject", [rows[i]["subject_id"] for i in kept])
    jobs = _job_counts(con, kept)
    facts = _facts(con, kept, postings)
    return [
        _study(
            rows[i],
            facts.get(i, _Facts()),
            modalities=modalities.get(i, []),
            tags=tags[i],
            subject_tags=subject_tags[rows[i]["subject_id"]],
            jobs=jobs.get(i, JobCounts()),
        )
        for i in kept
    ]


def subject_page(
    con: sqlite3.Connection, ids: Sequence[int], postings: Postings | None = None
) -> list[SubjectRow]:
    """Give subjects in the order of their ids; those in the trash are left out."""
    rows = {row["id"]: row for row in _select(con, _SUBJECTS, ids)}
    kept = [i for i in ids if i in rows]
    studies: dict[int, list[sqlite3.Row]] = {i: [] for i in kept}
    for row in _select(con, _STUDIES_OF, kept):
        studies[row["subject_id"]].append(row)
    study_ids = [row["id"] for found in studies.values() for row in found]
    tags = tags_of(con, "subject", kept)
    jobs = _job_counts(con, study_ids)
    facts = _facts(con, study_ids, postings)
    return [
        SubjectRow(
            id=i,
            key=rows[i]["key"],
            pid=rows[i]["pid"],
            sex=rows[i]["sex"],
            tags=tags[i],
            n_studies=len(studies[i]),
            n_files=sum(facts.get(row["id"], _Facts()).n_files for row in studies[i]),
            last_date=max((row["date"] for row in studies[i] if row["date"]), default=None),
            jobs=_sum_of(jobs.get(row["id"]) for row in studies[i]),
        )
        for i in kept
    ]


def file_page(con: sqlite3.Connection, ids: Sequence[int]) -> list[FileRow]:
    """Give files in the order of their ids; those in the trash are left out."""
    select = f"{FILE_COLUMNS} WHERE f.trashed_at IS NULL AND f.id IN ({{}})"
    found = {row.id: row for row in file_rows(con, _select(con, select, ids))}
    return [found[i] for i in ids if i in found]


def _study(row: sqlite3.Row, facts: _Facts, **more: Any) -> StudyRow:
    return StudyRow(
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
        n_files=facts.n_files,
        size_bytes=facts.size_bytes,
        preview_file_id=facts.first_image,
        **more,
    )


def _facts(
    con: sqlite3.Connection, ids: Sequence[int], postings: Postings | None
) -> dict[int, _Facts]:
    if postings is None:
        return {row[0]: _Facts(*row[1:]) for row in _select(con, _FACTS, ids)}
    table = postings.studies
    return {
        i: _Facts(
            int(table.n_files[i]), int(table.size_bytes[i]), int(table.first_image[i]) or None
        )
        for i in ids
        if i < len(table)
    }


def _select(con: sqlite3.Connection, sql: str, ids: Sequence[int]) -> Iterator[sqlite3.Row]:
    for start in range(0, len(ids), _MOST_MARKS):
        chunk = ids[start : start + _MOST_MARKS]
        yield from con.execute(sql.format(",".join("?" * len(chunk))), chunk).fetchall()


def _job_counts(con: sqlite3.Connection, ids: Sequence[int]) -> dict[int, JobCounts]:
    counter = getattr(con, "job_counter", None)
    if counter is None or not ids:
        return {}
    found: Mapping[int, Mapping[str, int]] = counter(con, ids)
    return {i: JobCounts(**{k: v for k, v in c.items() if k in "qred"}) for i, c in found.items()}


def _sum_of(counts: Iterable[JobCounts | None]) -> JobCounts:
    known = [c for c in counts if c is not None]
    return JobCounts(
        q=sum(c.q for c in known),
        r=sum(c.r for c in known),
        e=sum(c.e for c in known),
        d=sum(c.d for c in known),
    )
