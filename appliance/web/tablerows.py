"""The rows of a table export, out of the catalog's own listings, page by page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from appliance import catalog
from appliance.catalog import (
    Catalog,
    CustomField,
    FileQuery,
    FileRow,
    Reader,
    StudyQuery,
    StudyRow,
    SubjectQuery,
)
from appliance.core import Invalid, iso
from appliance.web.schemas import TableRequest
from appliance.web.tablefields import FIELD, FieldFacts
from appliance.web.tablemeta import META
from appliance.web.tabletext import Facts, Row

__all__ = ["columns_of", "table_rows"]

_PAGE = 1000
_FEW = 500
_SUBJECT = ("subject", "sex", "subject_tags")
_SUBJECTS = (*_SUBJECT, "studies", "files", "last_date")
_STUDY = [
    "study",
    "date",
    "age_years",
    "description",
    "modalities",
    "study_tags",
    "files",
    "size_bytes",
    "jobs_queued",
    "jobs_running",
    "jobs_error",
    "jobs_done",
]
_FILE = ("file", "kind", "file_bytes", "changed", "file_tags", "shape", "voxel_mm")
_TAG = "tag:"


def columns_of(wanted: TableRequest, fields: Sequence[CustomField] = ()) -> list[str]:
    """Give the names of the columns to write; `fields` are those of the project at this level.

    Raises
    ------
    Invalid
        If a column is asked for that there is not.
    """
    known: list[str] = list(_SUBJECTS if wanted.level == "subjects" else _SUBJECT)
    known += _STUDY if wanted.level != "subjects" else ()
    known += _FILE if wanted.level == "files" else ()
    known += [FIELD + field.name for field in fields]
    free = (_TAG,) if wanted.level == "subjects" else (_TAG, META)
    strange = [c for c in wanted.columns if c not in known and not c.startswith(free)]
    if strange:
        raise Invalid(
            f"no column {strange[0]!r} at the level of {wanted.level}",
            hint=f"Columns: {', '.join(known)}, tag:NAME, and meta:KEY of studies and files.",
        )
    return wanted.columns or known


def table_rows(
    store: Catalog,
    project_id: int,
    wanted: TableRequest,
    more: Mapping[int, Facts] | None = None,
    fields: FieldFacts | None = None,
) -> Iterator[Row]:
    """Give the rows that an export asks for, grouped by subject and study.

    `more` are further facts of studies, by id, and `fields` values of custom fields.

    Each page is read by a connection of its own, so that a slow caller holds none.
    """
    tags = [c.removeprefix(_TAG) for c in wanted.columns if c.startswith(_TAG)]
    own = fields or FieldFacts()
    if wanted.level == "subjects":
        yield from _subject_rows(store, project_id, wanted, tags, own)
        return
    for study in _studies(store, project_id, wanted):
        further = {**(more or {}).get(study.id, {}), **own.studies.get(study.id, {})}
        subject = {**_subject_facts(study), **own.subjects.get(study.subject_id, {})}
        levels: list[Facts] = [subject, {**_study_facts(study), **further}]
        if wanted.level == "studies":
            yield _tagged(levels, tags, {*study.subject_tags, *study.tags})
            continue
        for file in _files(store, project_id, study, wanted):
            yield _tagged([*levels, _file_facts(file)], tags, file.tags)


def _tagged(levels: list[Facts], names: list[str], tags: Collection[str]) -> Row:
    """Add a fact for every tag column to the last level."""
    carried = {tag.casefold() for tag in tags}
    marks = {f"{_TAG}{name}": name.casefold() in carried for name in names}
    return [*levels[:-1], {**levels[-1], **marks}]


def _subject_rows(
    store: Catalog, project_id: int, wanted: TableRequest, tags: list[str], fields: FieldFacts
) -> Iterator[Row]:
    query = SubjectQuery(
        name=wanted.name,
        files=wanted.files,
        tags=wanted.tags,
        date_from=wanted.date_from,
        date_to=wanted.date_to,
        sort="pid",
        limit=_PAGE,
    )
    ids = frozenset(wanted.ids)
    more: str | None = ""
    while more is not None:
        with store.read() as con:
            query = msgspec.structs.replace(query, after=more or None)
            page = catalog.list_subjects(con, project_id, query)
        for row in page.items:
            facts: Facts = {
                "subject": row.pid,
                "sex": row.sex,
                "subject_tags": row.tags,
                "studies": row.n_studies,
                "files": row.n_files,
                "last_date": row.last_date,
                **fields.subjects.get(row.id, {}),
            }
            if not ids or row.id in ids:
                yield _tagged([facts], tags, row.tags)
        more = page.next


def _studies(store: Catalog, project_id: int, wanted: TableRequest) -> Iterator[StudyRow]:
    ids = frozenset(wanted.ids if wanted.level == "studies" else _studies_of(store, wanted))
    if ids and len(ids) <= _FEW:
        with store.read() as con:
            found = [row for study_id in ids for row in _study(con, project_id, study_id)]
        yield from sorted(found, key=lambda row: (row.pid, row.date or "", row.sid))
        return
    yield from (row for row in _all_studies(store, project_id, wanted) if not ids or row.id in ids)


def _study(con: Reader, project_id: int, study_id: int) -> list[StudyRow]:
    """Give a study of this project, or nothing."""
    own = con.execute(
        "SELECT 1 FROM studies WHERE id = ? AND project_id = ? AND trashed_at IS NULL",
        (study_id, project_id),
    ).fetchone()
    return [catalog.get_study(con, study_id)] if own else []


def _studies_of(store: Catalog, wanted: TableRequest) -> set[int]:
    """Give the studies of the files that were asked for by id."""
    with store.read() as con:
        return {catalog.get_file(con, file_id).study_id for file_id in wanted.ids}


def _all_studies(store: Catalog, project_id: int, wanted: TableRequest) -> Iterator[StudyRow]:
    query = StudyQuery(
        name=wanted.name,
        files=wanted.files,
        description=wanted.description,
        tags=wanted.tags,
        jobs=wanted.jobs,
        date_from=wanted.date_from,
        date_to=wanted.date_to,
        sort="pid",
        limit=_PAGE,
    )
    more: str | None = ""
    while more is not None:
        with store.read() as con:
            query = msgspec.structs.replace(query, after=more or None)
            page = catalog.list_studies(con, project_id, query)
        yield from page.items
        more = page.next


def _files(
    store: Catalog, project_id: int, study: StudyRow, wanted: TableRequest
) -> Iterator[FileRow]:
    ids = frozenset(wanted.ids)
    query = FileQuery(files="" if ids else wanted.files, study_id=study.id, limit=_PAGE)
    more: str | None = ""
    while more is not None:
        with store.read() as con:
            query = msgspec.structs.replace(query, after=more or None)
            page = catalog.list_files(con, project_id, query)
        yield from (row for row in page.items if not ids or row.id in ids)
        more = page.next


def _subject_facts(row: StudyRow) -> Facts:
    return {"subject": row.pid, "sex": row.sex, "subject_tags": row.subject_tags}


def _study_facts(row: StudyRow) -> Facts:
    return {
        "study": row.sid,
        "date": row.date,
        "age_years": row.age_years,
        "description": row.description,
        "modalities": row.modalities,
        "study_tags": row.tags,
        "files": row.n_files,
        "size_bytes": row.size_bytes,
        "jobs_queued": row.jobs.q,
        "jobs_running": row.jobs.r,
        "jobs_error": row.jobs.e,
        "jobs_done": row.jobs.d,
    }


def _file_facts(row: FileRow) -> Facts:
    header = row.header or {}
    return {
        "file": row.path,
        "kind": row.kind,
        "file_bytes": row.size_bytes,
        "changed": iso(row.mtime_ns // 1_000_000),
        "file_tags": row.tags,
        "shape": "x".join(map(str, header.get("shape") or [])) or None,
        "voxel_mm": "x".join(f"{mm:g}" for mm in header.get("voxel_mm") or []) or None,
    }
