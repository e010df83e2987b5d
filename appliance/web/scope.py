"""What a caller may touch: the projects it has a right to, and for a job its own project only.

A user without any right in a project is answered as if the project did not exist. The right that
is asked for is the one that the route names, unless another is given.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from appliance.catalog import Caller, require_open
from appliance.core import NotFound, Refused

__all__ = [
    "RIGHTS",
    "changes_project",
    "check_ids",
    "check_jobs",
    "check_open",
    "check_project",
    "check_within",
    "rights_in",
    "rights_of",
    "visible",
    "where_of",
]

RIGHTS = ("reader", "editor", "batch", "download", "deanonym", "manage", "admin")
_ALL = frozenset(RIGHTS)
_JOB_RIGHTS = frozenset({"reader", "editor"})
_TABLES = {"subject": "subjects", "study": "studies", "file": "files"}
_PATHS = {"file_id": "file", "study_id": "study", "subject_id": "subject"}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGES = frozenset({"editor", "batch", "manage"})


def rights_of(caller: Caller) -> frozenset[str]:
    """Give what a caller may do somewhere: all for an administrator, else what its scope names."""
    if caller.scope == "job":
        return _JOB_RIGHTS
    anywhere = frozenset({"reader"}).union(*caller.grants.values())
    held = _ALL if caller.everywhere else anywhere
    return held & frozenset(caller.scope.split()) if caller.scope else held


def rights_in(caller: Caller, project_id: int) -> frozenset[str]:
    """Give what a caller may do in one project; nothing: it must not learn that there is one."""
    if caller.everywhere or caller.scope == "job":
        return rights_of(caller)
    return caller.grants.get(project_id, frozenset()) & rights_of(caller)


def visible(caller: Caller) -> frozenset[int] | None:
    """Give the projects that a caller may see, by id; None: all of them."""
    if caller.everywhere:
        return None
    return frozenset(i for i in caller.grants if "reader" in rights_in(caller, i))


def check_project(
    con: sqlite3.Connection, who: Caller, project: str, right: str | None = None
) -> None:
    """Let a caller pass that has the right in a project; a job only into its own.

    Raises
    ------
    NotFound
        If the caller has no right there at all, or there is no such project.
    Refused
        If it lacks the right, or is a job of another project.
    """
    if who.job_key is not None:
        own = _project_of_job(con, who.job_key)
        if own.lower() != project.lower():
            raise Refused(f"the token of a job opens only its own project, {own!r}")
        return
    if who.everywhere:
        return
    row = con.execute("SELECT id FROM projects WHERE name = ?", (project,)).fetchone()
    _require(who, [] if row is None else [row[0]], right, f"no project {project!r}")


def check_ids(
    con: sqlite3.Connection,
    who: Caller,
    level: str,
    ids: Sequence[int],
    right: str | None = None,
) -> None:
    """The same for subjects, studies or files by id.

    Raises
    ------
    NotFound
        If one of them is in a project that the caller may not see.
    Refused
        If the caller lacks the right in its project, or is a job of another project.
    """
    if who.job_key is None and who.everywhere:
        return
    rows = con.execute(
        f"SELECT DISTINCT p.id, p.name FROM json_each(?) j CROSS JOIN {_TABLES[level]} x"  # noqa: S608
        " ON x.id = j.value JOIN projects p ON p.id = x.project_id",
        (json.dumps(list(ids)),),
    ).fetchall()
    if who.job_key is not None:
        for row in rows:
            check_project(con, who, row[1])
    elif ids:
        missing = f"no {level} with id {ids[0]}" if len(ids) == 1 else f"no such {level}"
        _require(who, [row[0] for row in rows], right, missing)


def check_jobs(con: sqlite3.Connection, who: Caller, keys: Sequence[str]) -> None:
    """The same for jobs, and arrivals shown among them, by key; for a change they must be in use.

    Raises
    ------
    NotFound, Refused
        As `check_project` does.
    """
    for key in keys:
        if not who.everywhere:
            _check_key(con, who, "job", key)
    if who.asked in _CHANGES:
        for project_id in {i for key in keys for i in _projects_of_key(con, "job", key)}:
            require_open(con, project_id)


def where_of(handler: BaseRouteHandler) -> str | None:
    """Tell how a route names the project that it works on; None: for administrators only.

    ``project``, ``file_id``, ``study_id`` and ``subject_id`` in its path speak for themselves.
    Otherwise the route says ``within=``: ``"project"`` (a query parameter), ``"shared"`` (the same,
    without it what is shared by all), ``"job"``, ``"batch"`` or ``"receipt"`` (``key`` in its
    path), ``"handler"`` (it checks by itself) or ``"open"`` (nothing of any project).
    """
    declared = handler.opt.get("within")
    if declared is not None:
        return str(declared)
    for name in ("project", *_PATHS):
        if any(f"{{{name}:" in path for path in handler.paths):
            return name
    return None


def check_within(
    con: sqlite3.Connection, who: Caller, connection: ASGIConnection[Any, Any, Any, Any], where: str
) -> None:
    """Check the right in the project that a request names in its address.

    Raises
    ------
    NotFound, Refused
        As `check_project` does.
    """
    path: Mapping[str, Any] = connection.path_params
    if where in _PATHS:
        check_ids(con, who, _PATHS[where], [int(path[where])])
    elif where in ("job", "receipt", "batch"):
        _check_key(con, who, where, str(path["key"]))
    elif where in ("project", "shared"):
        name = path.get("project") or connection.query_params.get("project")
        if name is not None:
            check_project(con, who, str(name))
        elif where == "project" or connection.scope.get("method") not in _SAFE:
            raise Refused("only an administrator may do this for all projects")


def changes_project(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> bool:
    """Tell whether a request would change the project that its address names.

    Routes that check by themselves, and those that say ``archived=True``, are left out.
    """
    return (
        connection.scope.get("method") not in _SAFE
        and handler.opt.get("right") in _CHANGES
        and not handler.opt.get("archived")
        and where_of(handler) not in (None, "open", "handler")
    )


def check_open(
    con: sqlite3.Connection, connection: ASGIConnection[Any, Any, Any, Any], where: str
) -> None:
    """Refuse a change within a project that is in the archive or the trash.

    Raises
    ------
    Conflict
        With what to do.
    """
    path: Mapping[str, Any] = connection.path_params
    if where in _PATHS:
        sql = f"SELECT project_id FROM {_TABLES[_PATHS[where]]} WHERE id = ?"  # noqa: S608
        found = [row[0] for row in con.execute(sql, (int(path[where]),))]
    elif where in ("job", "receipt", "batch"):
        found = _projects_of_key(con, where, str(path["key"]))
    else:
        name = path.get("project") or connection.query_params.get("project")
        sql = "SELECT id FROM projects WHERE name = ? AND state <> 'trashed'"
        found = [row[0] for row in con.execute(sql, (name,))]
    for project_id in found:
        require_open(con, project_id)


def _projects_of_key(con: sqlite3.Connection, what: str, key: str) -> list[int]:
    """A job's key may be that of an arrival, which is shown among the jobs."""
    tables = {"job": ("job", "receipts"), "batch": ("batch",)}.get(what, ("receipts",))
    return [
        row[0]
        for table in tables
        for row in con.execute(f"SELECT project_id FROM {table} WHERE key = ?", (key,))  # noqa: S608
    ]


def _check_key(con: sqlite3.Connection, who: Caller, what: str, key: str) -> None:
    _require(who, _projects_of_key(con, what, key), None, f"no {what} {key}")


def _require(who: Caller, project_ids: Sequence[int], right: str | None, missing: str) -> None:
    if who.job_key is not None:
        raise Refused("the token of a job does not open this")
    needed = right or who.asked
    held = [rights_in(who, project_id) for project_id in project_ids]
    if not held or any("reader" not in rights for rights in held):
        raise NotFound(missing, hint="Ask an administrator for the right to see it.")
    if any(needed not in rights for rights in held):
        raise Refused(
            f"this needs the right {needed!r} in the project",
            hint="Ask an administrator of the project.",
        )


def _project_of_job(con: sqlite3.Connection, key: str) -> str:
    row = con.execute("SELECT project FROM job WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise Refused("the job of this token does not exist any more")
    return str(row[0])
