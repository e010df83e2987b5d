"""NORA's old table names as temporary views, so that SQL written for NORA runs on our catalog.

A view that has the name of one of our tables (``studies``, ``files``, ``projects``) holds our
columns *and* NORA's, without what is in the trash; the table itself is ``main.files``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from appliance.catalog.templates import path_sql

__all__ = ["SECRET_IN_VIEWS", "create_views"]

SECRET_IN_VIEWS: Mapping[str, frozenset[str]] = {
    "users": frozenset({"", "id", "login", "is_admin", "full_name"}),
    "rights": frozenset({"", "user_id", "project_id", "role"}),
}
"""Columns of tables of access that the views, and only they, may show."""
_AT = "strftime('%Y-%m-%d %H:%M:%S', {} / 1000, 'unixepoch')"
_TAGS = (
    "(SELECT '/' || group_concat(t.name, '/') || '/' FROM main.{0}_tags x"
    " JOIN main.tags t ON t.id = x.tag_id WHERE x.x_id = {1}.id)"
)
# Subqueries and no joins: what a statement does not ask for is not looked up.
_PATH = (
    f"(SELECT {path_sql()} FROM main.paths p, main.studies s, main.subjects u"
    " WHERE p.id = f.path_id AND s.id = f.study_id AND u.id = s.subject_id)"
)
_FOLDER = f"rtrim({_PATH}, replace({_PATH}, '/', ''))"
_PID = "(SELECT pid FROM main.subjects WHERE id = {0}.subject_id)"
_PROJECT = "(SELECT name FROM main.projects WHERE id = {0}.project_id)"
_OF_STUDY = "(SELECT {0} FROM main.studies s WHERE s.id = f.study_id)"
_HERE = "(:project IS NULL OR {}.project_id = :project)"
_VIEWS = {
    "patients": f"""
        SELECT u.id, u.key, u.project_id, u.pid AS patients_id, u.pid AS PIZ, u.sex AS Sex,
          NULL AS BirthDate, NULL AS FamilyName, NULL AS GivenName,
          {_TAGS.format("subject", "u")} AS PTag, {_AT.format("u.created_at")} AS lastchange
        FROM main.subjects u WHERE u.trashed_at IS NULL AND {_HERE.format("u")}""",
    "studies": f"""
        SELECT s.*, {_PID.format("s")} AS patients_id, s.sid AS studies_id, s.sid AS StudyID,
          s.study_uid AS StudyInstanceUID, s.description AS StudyDescription,
          s.date AS StudyDate,
          {_PROJECT.format("s")} || '/' || {_PID.format("s")} || '/' || s.sid AS StudyPath,
          {_TAGS.format("study", "s")} AS STag, {_AT.format("s.created_at")} AS lastchange
        FROM main.studies s WHERE s.trashed_at IS NULL AND {_HERE.format("s")}""",
    "files": f"""
        SELECT f.*, {_PATH} AS path, replace({_PATH}, {_FOLDER}, '') AS Filename,
          rtrim({_FOLDER}, '/') AS SubFolder,
          {_PROJECT.format("f")} || '/' || {_OF_STUDY.format(_PID.format("s"))} || '/'
            || {_OF_STUDY.format("sid")} || '/' || rtrim({_FOLDER}, '/') AS FilePath,
          {_TAGS.format("file", "f")} AS Tag,
          {_AT.format("f.mtime_ns / 1000000")} AS DateModified, NULL AS permission,
          f.size_bytes AS filesize, 0 AS MULTIFILE, {_OF_STUDY.format("sid")} AS studies_id,
          {_OF_STUDY.format(_PID.format("s"))} AS patients_id,
          {_AT.format("f.created_at")} AS lastchange
        FROM main.files f WHERE f.trashed_at IS NULL AND {_HERE.format("f")}""",
    "projects": """
        SELECT j.*, 1 AS forceAnonymize, 1 AS hardCopy, NULL AS autoexec, NULL AS cmddesc,
          j.policy AS jsondesc, NULL AS parent FROM main.projects j WHERE j.state <> 'trashed'""",
    "users": """
        SELECT id, login AS username, is_admin AS isadmin, full_name AS fullname,
          NULL AS passwd, NULL AS runjobsas, NULL AS email, NULL AS forceanonymize,
          NULL AS institution, NULL AS street, NULL AS city, NULL AS status, NULL AS token,
          NULL AS styletheme FROM main.users""",
    "rights": """
        SELECT w.login AS username, j.name AS project, r.role, NULL AS rights
        FROM main.rights r JOIN main.users w ON w.id = r.user_id
          JOIN main.projects j ON j.id = r.project_id""",
    "json": """
        SELECT d.id, d.doc AS json, NULL AS owner, d.name, j.name AS project, d.kind AS type,
          NULL AS rights, NULL AS tag FROM main.json_docs d
          LEFT JOIN main.projects j ON j.id = d.project_id""",
    "metaidx": f"""
        SELECT m.file_id AS files_id, s.sid AS studies_id, u.pid AS patients_id,
          {path_sql()} AS path,
          {_AT.format("m.mtime_ns / 1000000")} AS lastchange, m.doc AS json
        FROM main.meta m JOIN main.files f ON f.id = m.file_id AND f.trashed_at IS NULL
          JOIN main.paths p ON p.id = f.path_id JOIN main.studies s ON s.id = f.study_id
          JOIN main.subjects u ON u.id = s.subject_id WHERE {_HERE.format("f")}""",
    "metacontent": f"""
        SELECT m.file_id AS files_id, substr(t.fullkey, 3) AS name, t.atom AS value
        FROM main.meta m JOIN main.files f ON f.id = m.file_id AND f.trashed_at IS NULL
          JOIN json_tree(m.doc) t ON t.atom IS NOT NULL WHERE {_HERE.format("f")}""",
    "notifications": "SELECT NULL AS id, NULL AS username, NULL AS json WHERE 0",
    "error_js": "SELECT NULL AS id, NULL AS username, NULL AS error WHERE 0",
    "readingresults": "SELECT NULL AS patients_id, NULL AS studies_id, NULL AS json WHERE 0",
}


def create_views(con: sqlite3.Connection, project_id: int | None, more: Mapping[str, str]) -> None:
    """Make the views on a connection, for one project or for all.

    Parameters
    ----------
    con : sqlite3.Connection
        May be read-only: temporary views lie in memory.
    project_id : int, optional
        Project that patients, studies, files and jobs are of.
    more : mapping of str to str
        Views of the rooms above: name to SELECT, with ``:project`` for the project's id.
    """
    project = "NULL" if project_id is None else str(int(project_id))
    for name, select in {**_VIEWS, **more}.items():
        con.execute(f"CREATE TEMP VIEW {name} AS {select.replace(':project', project)}")
