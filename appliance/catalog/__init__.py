"""The catalog: the SQLite truth about projects, subjects, studies, series, files and tags.

One writer, many readers, one sequence of events. It never touches the files it knows of, and
never holds who a subject really is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.catalog.access import (
        Caller,
        end_session,
        find_session,
        find_token,
        issue_login_code,
        issue_token,
        list_tokens,
        redeem_login_code,
        revoke_job_tokens,
        revoke_token,
    )
    from appliance.catalog.documents import Document, delete_doc, get_doc, list_docs, put_doc
    from appliance.catalog.events import Event, EventBus
    from appliance.catalog.filters import parse_filter
    from appliance.catalog.layout import absolute_path, file_path, project_root, study_dir
    from appliance.catalog.listing import list_files, list_studies, list_subjects
    from appliance.catalog.migrate import unknown_migrations
    from appliance.catalog.reads import (
        find_study,
        get_file,
        get_project,
        list_projects,
        project_tags,
        study_files,
        tags_of,
    )
    from appliance.catalog.rows import (
        FileQuery,
        FileRow,
        JobCounts,
        Page,
        Project,
        SelectedFile,
        SeriesFacts,
        StudyQuery,
        StudyRow,
        SubjectQuery,
        SubjectRow,
        TagCount,
    )
    from appliance.catalog.schema import catalog_migrations
    from appliance.catalog.selectors import select, select_studies
    from appliance.catalog.sql import SqlResult, run_sql
    from appliance.catalog.store import Catalog, Reader, Tx
    from appliance.catalog.writes import (
        add_file,
        create_project,
        ensure_project,
        ensure_series,
        ensure_study,
        ensure_subject,
        set_file_header,
        tag,
        trash_files,
        undo,
    )

_ROOMS = {
    "access": (
        "Caller end_session find_session find_token issue_login_code issue_token list_tokens"
        " redeem_login_code revoke_job_tokens revoke_token"
    ),
    "documents": "Document delete_doc get_doc list_docs put_doc",
    "events": "Event EventBus",
    "filters": "parse_filter",
    "layout": "absolute_path file_path project_root study_dir",
    "listing": "list_files list_studies list_subjects",
    "migrate": "unknown_migrations",
    "reads": "find_study get_file get_project list_projects project_tags study_files tags_of",
    "rows": (
        "FileQuery FileRow JobCounts Page Project SelectedFile SeriesFacts StudyQuery StudyRow"
        " SubjectQuery SubjectRow TagCount"
    ),
    "schema": "catalog_migrations",
    "selectors": "select select_studies",
    "sql": "SqlResult run_sql",
    "store": "Catalog Reader Tx",
    "writes": (
        "add_file create_project ensure_project ensure_series ensure_study ensure_subject"
        " set_file_header tag trash_files undo"
    ),
}
_NAMES = {name: module for module, names in _ROOMS.items() for name in names.split()}
__getattr__ = lazy_door(__name__, _NAMES)

__all__ = [
    "Caller",
    "Catalog",
    "Document",
    "Event",
    "EventBus",
    "FileQuery",
    "FileRow",
    "JobCounts",
    "Page",
    "Project",
    "Reader",
    "SelectedFile",
    "SeriesFacts",
    "SqlResult",
    "StudyQuery",
    "StudyRow",
    "SubjectQuery",
    "SubjectRow",
    "TagCount",
    "Tx",
    "absolute_path",
    "add_file",
    "catalog_migrations",
    "create_project",
    "delete_doc",
    "end_session",
    "ensure_project",
    "ensure_series",
    "ensure_study",
    "ensure_subject",
    "file_path",
    "find_session",
    "find_study",
    "find_token",
    "get_doc",
    "get_file",
    "get_project",
    "issue_login_code",
    "issue_token",
    "list_docs",
    "list_files",
    "list_projects",
    "list_studies",
    "list_subjects",
    "list_tokens",
    "parse_filter",
    "project_root",
    "project_tags",
    "put_doc",
    "redeem_login_code",
    "revoke_job_tokens",
    "revoke_token",
    "run_sql",
    "select",
    "select_studies",
    "set_file_header",
    "study_dir",
    "study_files",
    "tag",
    "tags_of",
    "trash_files",
    "undo",
    "unknown_migrations",
]
