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
    from appliance.catalog.bulk import (
        NewFile,
        add_files,
        change_fields,
        enter_files,
        fields_of,
        fields_within,
        put_headers,
        set_fields,
    )
    from appliance.catalog.documents import Document, delete_doc, get_doc, list_docs, put_doc
    from appliance.catalog.events import Event, EventBus
    from appliance.catalog.filters import parse_condition, parse_filter
    from appliance.catalog.history import (
        Operation,
        OperationQuery,
        find_operation,
        list_operations,
        one_project,
    )
    from appliance.catalog.layout import absolute_path, file_path, project_root, study_dir
    from appliance.catalog.listing import get_study, list_files, list_studies, list_subjects
    from appliance.catalog.matching import FileMatcher
    from appliance.catalog.meta_export import CsvForm, meta_csv, meta_parquet
    from appliance.catalog.meta_query import (
        meta_histogram,
        meta_keys,
        meta_points,
        meta_size,
        meta_table,
        meta_values,
    )
    from appliance.catalog.meta_rows import (
        Histogram,
        MetaFilter,
        MetaKey,
        MetaQuery,
        MetaTable,
        MetaValue,
        Point,
        Points,
    )
    from appliance.catalog.meta_select import meta_files
    from appliance.catalog.meta_store import MetaStore
    from appliance.catalog.migrate import DAMAGED, unknown_migrations
    from appliance.catalog.moves import (
        Move,
        begin_move,
        cancel_move,
        finish_move,
        pending_moves,
        plan_move_study,
        plan_rename_file,
        plan_rename_study,
        plan_rename_subject,
        rename_row,
    )
    from appliance.catalog.path_rows import blank_paths, files_at
    from appliance.catalog.projects import (
        CustomField,
        ProjectSettings,
        ProjectUsage,
        QuotaReached,
        change_policy,
        check_quota,
        list_projects_in,
        project_settings,
        project_usage,
        require_open,
        set_project_state,
        undo_project_change,
    )
    from appliance.catalog.reads import (
        find_study,
        get_file,
        get_project,
        list_projects,
        project_tags,
        study_files,
        tags_of,
    )
    from appliance.catalog.removing import (
        TrashedProject,
        empty_project,
        is_purged,
        mark_project_purged,
        purged_projects,
        trashed_projects,
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
    from appliance.catalog.sandbox import SandboxResult, SqlColumn, meta_sql
    from appliance.catalog.schema import catalog_migrations
    from appliance.catalog.selection import join_selector, parse_selector, quote_word
    from appliance.catalog.selectors import find_files, select, select_reference, select_studies
    from appliance.catalog.sources import (
        Source,
        add_source,
        get_source,
        linked_folders,
        linked_join,
        list_sources,
        mark_scanned,
        write_linked_roots,
    )
    from appliance.catalog.sql import SqlResult, run_sql
    from appliance.catalog.sqlite_tools import Database, Migrations
    from appliance.catalog.stopping import SqlStop
    from appliance.catalog.store import Catalog, Reader, Tx
    from appliance.catalog.tags import (
        SPECIAL_TAGS,
        Bulk,
        TagTotal,
        clean_tag,
        count_tags,
        retag,
        tag,
        tag_many,
    )
    from appliance.catalog.templates import path_sql
    from appliance.catalog.text_tables import (
        TableColumn,
        TablePage,
        TableWish,
        keep_table,
        read_table,
    )
    from appliance.catalog.trash import (
        TrashedFile,
        TrashedStudy,
        due_for_purge,
        files_of_study,
        forget_trashed,
        mark_purged,
        trash_again,
        trash_files,
        trash_many,
        trashed_rows,
    )
    from appliance.catalog.undoing import check_undo, finish_undos, mark_undone, undo, undo_all
    from appliance.catalog.users import (
        ANY_LOGIN,
        Grant,
        Member,
        UserRow,
        change_user,
        create_user,
        find_user,
        grants_of,
        list_members,
        list_users,
        set_grant,
    )
    from appliance.catalog.writes import (
        add_file,
        create_project,
        ensure_project,
        ensure_series,
        ensure_study,
        ensure_subject,
        set_file_header,
    )

_ROOMS = {
    "access": (
        "Caller end_session find_session find_token issue_login_code issue_token list_tokens"
        " redeem_login_code revoke_job_tokens revoke_token"
    ),
    "bulk": (
        "NewFile add_files change_fields enter_files fields_of fields_within put_headers set_fields"
    ),
    "documents": "Document delete_doc get_doc list_docs put_doc",
    "events": "Event EventBus",
    "filters": "parse_condition parse_filter",
    "history": "Operation OperationQuery find_operation list_operations one_project",
    "layout": "absolute_path file_path project_root study_dir",
    "listing": "get_study list_files list_studies list_subjects",
    "matching": "FileMatcher",
    "meta_export": "CsvForm meta_csv meta_parquet",
    "meta_query": "meta_histogram meta_keys meta_points meta_size meta_table meta_values",
    "meta_rows": "Histogram MetaFilter MetaKey MetaQuery MetaTable MetaValue Point Points",
    "meta_select": "meta_files",
    "meta_store": "MetaStore",
    "migrate": "DAMAGED unknown_migrations",
    "projects": (
        "CustomField ProjectSettings ProjectUsage QuotaReached change_policy check_quota"
        " list_projects_in project_settings project_usage require_open set_project_state"
        " undo_project_change"
    ),
    "moves": (
        "Move begin_move cancel_move finish_move pending_moves plan_move_study plan_rename_file"
        " plan_rename_study plan_rename_subject rename_row"
    ),
    "path_rows": "blank_paths files_at",
    "reads": "find_study get_file get_project list_projects project_tags study_files tags_of",
    "removing": (
        "TrashedProject empty_project is_purged mark_project_purged purged_projects"
        " trashed_projects"
    ),
    "rows": (
        "FileQuery FileRow JobCounts Page Project SelectedFile SeriesFacts StudyQuery StudyRow"
        " SubjectQuery SubjectRow TagCount"
    ),
    "sandbox": "SandboxResult SqlColumn meta_sql",
    "text_tables": "TableColumn TablePage TableWish keep_table read_table",
    "schema": "catalog_migrations",
    "selection": "join_selector parse_selector quote_word",
    "selectors": "find_files select select_reference select_studies",
    "sources": (
        "Source add_source get_source linked_folders linked_join list_sources mark_scanned"
        " write_linked_roots"
    ),
    "sql": "SqlResult run_sql",
    "sqlite_tools": "Database Migrations",
    "stopping": "SqlStop",
    "store": "Catalog Reader Tx",
    "tags": "SPECIAL_TAGS Bulk TagTotal clean_tag count_tags retag tag tag_many",
    "templates": "path_sql",
    "trash": (
        "TrashedFile TrashedStudy due_for_purge files_of_study forget_trashed mark_purged"
        " trash_again trash_files trash_many trashed_rows"
    ),
    "undoing": "check_undo finish_undos mark_undone undo undo_all",
    "users": (
        "ANY_LOGIN Grant Member UserRow change_user create_user find_user grants_of"
        " list_members list_users set_grant"
    ),
    "writes": (
        "add_file create_project ensure_project ensure_series ensure_study ensure_subject"
        " set_file_header"
    ),
}
_NAMES = {name: module for module, names in _ROOMS.items() for name in names.split()}
__getattr__ = lazy_door(__name__, _NAMES)

__all__ = [
    "ANY_LOGIN",
    "DAMAGED",
    "SPECIAL_TAGS",
    "Bulk",
    "Caller",
    "Catalog",
    "CsvForm",
    "CustomField",
    "Database",
    "Document",
    "Event",
    "EventBus",
    "FileMatcher",
    "FileQuery",
    "FileRow",
    "Grant",
    "Histogram",
    "JobCounts",
    "Member",
    "MetaFilter",
    "MetaKey",
    "MetaQuery",
    "MetaStore",
    "MetaTable",
    "MetaValue",
    "Migrations",
    "Move",
    "NewFile",
    "Operation",
    "OperationQuery",
    "Page",
    "Point",
    "Points",
    "Project",
    "ProjectSettings",
    "ProjectUsage",
    "QuotaReached",
    "Reader",
    "SandboxResult",
    "SelectedFile",
    "SeriesFacts",
    "Source",
    "SqlColumn",
    "SqlResult",
    "SqlStop",
    "StudyQuery",
    "StudyRow",
    "SubjectQuery",
    "SubjectRow",
    "TableColumn",
    "TablePage",
    "TableWish",
    "TagCount",
    "TagTotal",
    "TrashedFile",
    "TrashedProject",
    "TrashedStudy",
    "Tx",
    "UserRow",
    "absolute_path",
    "add_file",
    "add_files",
    "add_source",
    "begin_move",
    "blank_paths",
    "cancel_move",
    "catalog_migrations",
    "change_fields",
    "change_policy",
    "change_user",
    "check_quota",
    "check_undo",
    "clean_tag",
    "count_tags",
    "create_project",
    "create_user",
    "delete_doc",
    "due_for_purge",
    "empty_project",
    "end_session",
    "ensure_project",
    "ensure_series",
    "ensure_study",
    "ensure_subject",
    "enter_files",
    "fields_of",
    "fields_within",
    "file_path",
    "files_at",
    "files_of_study",
    "find_files",
    "find_operation",
    "find_session",
    "find_study",
    "find_token",
    "find_user",
    "finish_move",
    "finish_undos",
    "forget_trashed",
    "get_doc",
    "get_file",
    "get_project",
    "get_source",
    "get_study",
    "grants_of",
    "is_purged",
    "issue_login_code",
    "issue_token",
    "join_selector",
    "keep_table",
    "linked_folders",
    "linked_join",
    "list_docs",
    "list_files",
    "list_members",
    "list_operations",
    "list_projects",
    "list_projects_in",
    "list_sources",
    "list_studies",
    "list_subjects",
    "list_tokens",
    "list_users",
    "mark_project_purged",
    "mark_purged",
    "mark_scanned",
    "mark_undone",
    "meta_csv",
    "meta_files",
    "meta_histogram",
    "meta_keys",
    "meta_parquet",
    "meta_points",
    "meta_size",
    "meta_sql",
    "meta_table",
    "meta_values",
    "one_project",
    "parse_condition",
    "parse_filter",
    "parse_selector",
    "path_sql",
    "pending_moves",
    "plan_move_study",
    "plan_rename_file",
    "plan_rename_study",
    "plan_rename_subject",
    "project_root",
    "project_settings",
    "project_tags",
    "project_usage",
    "purged_projects",
    "put_doc",
    "put_headers",
    "quote_word",
    "read_table",
    "redeem_login_code",
    "rename_row",
    "require_open",
    "retag",
    "revoke_job_tokens",
    "revoke_token",
    "run_sql",
    "select",
    "select_reference",
    "select_studies",
    "set_fields",
    "set_file_header",
    "set_grant",
    "set_project_state",
    "study_dir",
    "study_files",
    "tag",
    "tag_many",
    "tags_of",
    "trash_again",
    "trash_files",
    "trash_many",
    "trashed_projects",
    "trashed_rows",
    "undo",
    "undo_all",
    "undo_project_change",
    "unknown_migrations",
    "write_linked_roots",
]
