"""Pages of subjects, studies and files under the filter bars, by keyset.

The postings of a running service find the rows; without them SQL does, more slowly and with the
same answer. Either way, what is shown of a row is worked out for the rows of the page only.
"""

from __future__ import annotations

import sqlite3
from typing import TypeVar

from appliance.catalog.cursors import Order
from appliance.catalog.filters import parse_filter
from appliance.catalog.in_memory import view_of
from appliance.catalog.nodes import And, Attribute, Filter, Not, Or
from appliance.catalog.page_rows import file_page, study_page, subject_page
from appliance.catalog.rows import (
    FileQuery,
    FileRow,
    Page,
    StudyQuery,
    StudyRow,
    SubjectQuery,
    SubjectRow,
)
from appliance.catalog.sql_pages import files_by_sql, studies_by_sql, subjects_by_sql
from appliance.catalog.templates import path_sql
from appliance.core import NotFound

__all__ = ["get_study", "list_files", "list_studies", "list_subjects"]

_STUDY_SORTS = {
    "date": "ifnull(s.date, '')",
    "pid": "u.pid",
    "sid": "s.sid",
    "created": "s.created_at",
    "description": "ifnull(s.description, '')",
    "age": "ifnull(s.age_years, -1)",
}
_FILE_SORTS = {"path": "p.path", "size": "f.size_bytes", "mtime": "f.mtime_ns", "kind": "f.kind"}
_STUDY_FILE_SORTS = {**_FILE_SORTS, "path": path_sql()}  # of one study, as a person reads it
_SUBJECT_SORTS = {"pid": "u.pid", "created": "u.created_at"}
_Query = TypeVar("_Query", StudyQuery, SubjectQuery)


def get_study(con: sqlite3.Connection, study_id: int) -> StudyRow:
    """Give a study by id.

    Raises
    ------
    NotFound
        If there is none, or it is in the trash.
    """
    found = study_page(con, [study_id])
    if not found:
        raise NotFound(f"no study with id {study_id}")
    return found[0]


def list_studies(con: sqlite3.Connection, project_id: int, query: StudyQuery) -> Page[StudyRow]:
    """Give one page of studies.

    Raises
    ------
    Invalid
        If a filter, the sort or the cursor does not parse.
    """
    order = Order.parse(query, _STUDY_SORTS)
    trees = _trees(("PID", query.name), ("SDESC", query.description), ("JOB", query.jobs))
    trees += _common_trees(query)
    view = view_of(con)
    if view is not None:
        from appliance.catalog.fast_pages import find_studies

        found = find_studies(view, project_id, query, trees, order)
    else:
        found = studies_by_sql(con, project_id, query, trees, order)
    rows = study_page(con, found.ids, view.postings if view else None)
    return Page(rows, found.next, found.total)


def list_subjects(
    con: sqlite3.Connection, project_id: int, query: SubjectQuery
) -> Page[SubjectRow]:
    """Give one page of subjects; `files` and `tags` ask their studies.

    Raises
    ------
    Invalid
        If a filter, the sort or the cursor does not parse.
    """
    order = Order.parse(query, _SUBJECT_SORTS)
    name = parse_filter(query.name, bare="PID")
    trees = _common_trees(query)
    if name is not None and not _asks_subjects_only(name):
        trees, name = [*trees, name], None
    view = view_of(con)
    if view is not None:
        from appliance.catalog.fast_pages import find_subjects

        found = find_subjects(view, project_id, query, name=name, trees=trees, order=order)
    else:
        found = subjects_by_sql(con, project_id, query, name=name, trees=trees, order=order)
    rows = subject_page(con, found.ids, view.postings if view else None)
    return Page(rows, found.next, found.total)


def list_files(con: sqlite3.Connection, project_id: int, query: FileQuery) -> Page[FileRow]:
    """Give one page of files of a project or of one study.

    By path, files that have the same name but for the ids of their own subject and study stand
    together, the earlier ones first; in one study the names themselves tell the order.

    Raises
    ------
    Invalid
        If a filter, the sort or the cursor does not parse.
    """
    order = Order.parse(query, _FILE_SORTS if query.study_id is None else _STUDY_FILE_SORTS)
    tree = parse_filter(query.files)
    found = None
    view = view_of(con) if query.study_id is None else None
    if view is not None:
        from appliance.catalog.fast_pages import find_files

        found = find_files(view, project_id, query, tree, order)
    if found is None:
        found = files_by_sql(con, project_id, query, tree, order)
    return Page(file_page(con, found.ids), found.next, found.total)


def _trees(*bars: tuple[str, str]) -> list[Filter]:
    found = [parse_filter(text, bare=bare) for bare, text in bars]
    return [tree for tree in found if tree is not None]


def _common_trees(query: _Query) -> list[Filter]:
    return _trees(("FILE", query.files), ("TAG", query.tags))


def _asks_subjects_only(tree: Filter) -> bool:
    """Tell whether a tree can be asked of a subject that has no study."""
    if isinstance(tree, And | Or):
        return all(_asks_subjects_only(term) for term in tree.terms)
    if isinstance(tree, Not):
        return _asks_subjects_only(tree.term)
    return isinstance(tree, Attribute) and tree.name in ("PID", "PTAG")
