"""A project's settings, states, quota and custom fields; its subjects are made elsewhere."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from appliance.catalog.reads import get_project
from appliance.catalog.rows import Project
from appliance.catalog.store import Tx
from appliance.core import Conflict, DiskFull, Invalid, NotFound, now_ms

__all__ = [
    "CustomField",
    "ProjectSettings",
    "ProjectUsage",
    "QuotaReached",
    "change_policy",
    "check_quota",
    "list_projects_in",
    "project_settings",
    "project_usage",
    "require_open",
    "set_project_state",
    "undo_project_change",
]

STATES = ("active", "archived", "trashed")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_USAGE = (
    "SELECT ifnull(sum(size_bytes) FILTER (WHERE origin LIKE 'receipt:%'), 0) AS arrived_bytes,"
    " ifnull(sum(size_bytes) FILTER (WHERE linked), 0) AS linked_bytes,"
    " ifnull(sum(size_bytes), 0) AS files_bytes, count(*) AS n_files,"
    " ifnull(sum(size_bytes) FILTER (WHERE trashed_at IS NOT NULL), 0) AS trash_bytes"
    " FROM (SELECT size_bytes, origin, trashed_at, origin IN (SELECT 'source:' || key FROM sources"
    "  WHERE project_id = :project AND mode = 'stay') AS linked FROM files"
    "  WHERE project_id = :project)"
)


class QuotaReached(DiskFull):
    """A project holds as much as it may."""

    key = "quota"


class CustomField(msgspec.Struct, frozen=True, kw_only=True):
    """A column that a project adds to its subjects or studies.

    Attributes
    ----------
    kind : {"text", "number", "date", "choice", "flag"}
        What its values are.
    choices : list of str
        The values that a choice may have.
    """

    name: str
    label: str = ""
    level: Literal["subject", "study"] = "subject"
    kind: Literal["text", "number", "date", "choice", "flag"] = "text"
    choices: list[str] = []
    unit: str = ""


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a project's policy says to this room; other keys belong to the rooms above.

    `queue` is where jobs of the project wait when their batch names none.
    """

    title: str = ""
    quota_bytes: int | None = None
    queue: str = ""
    fields: list[CustomField] = []


class ProjectUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a project takes on our disk, in bytes; files that stay elsewhere are told apart.

    Attributes
    ----------
    arrived_bytes : int
        Images and other files that came in.
    derived_bytes : int
        Made by jobs, drawn or registered.
    originals_bytes : int
        DICOM objects kept as they came.
    linked_bytes : int
        Shown from where they lie; not counted.
    trash_bytes : int
        The part of it that lies in the trash.
    """

    n_files: int
    arrived_bytes: int
    derived_bytes: int
    originals_bytes: int
    linked_bytes: int
    trash_bytes: int

    @property
    def total_bytes(self) -> int:
        """What counts for the quota."""
        return self.arrived_bytes + self.derived_bytes + self.originals_bytes


def project_settings(project: Project) -> ProjectSettings:
    """Read what a project's policy says to this room.

    Raises
    ------
    Invalid
        If a value does not fit.
    """
    known = {k: v for k, v in project.policy.items() if k in ProjectSettings.__struct_fields__}
    try:
        found = msgspec.convert(known, ProjectSettings)
    except msgspec.ValidationError as error:
        raise Invalid(f"the project's settings cannot be used: {error}") from error
    _check_fields(found)
    if found.quota_bytes is not None and found.quota_bytes < 0:
        raise Invalid("a quota cannot be less than nothing")
    return found


def _check_fields(found: ProjectSettings) -> None:
    names = [field.name.casefold() for field in found.fields]
    for field in found.fields:
        if not _FIELD_NAME.fullmatch(field.name):
            raise Invalid(
                f"{field.name!r} cannot be the name of a field",
                hint="A letter, then letters, digits and '_', at most 40.",
            )
        if names.count(field.name.casefold()) > 1:
            raise Invalid(f"there are two fields named {field.name!r}")
        if field.kind == "choice" and not field.choices:
            raise Invalid(f"the field {field.name!r} has nothing to choose from")


def change_policy(tx: Tx, name: str, changes: Mapping[str, Any], *, actor: str) -> Project:
    """Change keys of a project's policy; None takes a key away. The old policy stays on record.

    Raises
    ------
    Invalid
        If a value of this room does not fit.
    """
    project = get_project(tx.con, name)
    policy = {**project.policy, **changes}
    policy = {key: value for key, value in policy.items() if value is not None}
    project_settings(msgspec.structs.replace(project, policy=policy))
    if policy != project.policy:
        _put_policy(tx, project, policy)
        target = {"project_id": project.id, "project": project.name, "keys": sorted(changes)}
        tx.operation("project-settings", actor=actor, target=target, before=project.policy)
    return get_project(tx.con, name)


def _put_policy(tx: Tx, project: Project, policy: Mapping[str, Any]) -> None:
    tx.con.execute(
        "UPDATE projects SET policy = ? WHERE id = ?", (json.dumps(dict(policy)), project.id)
    )
    tx.event("projects.changed", project=project.name)


def set_project_state(tx: Tx, name: str, state: str, *, actor: str) -> int:
    """Put a project to use, into the archive (it can only be read) or into the trash.

    Returns
    -------
    int
        Id of the operation, which can be undone.
    """
    if state not in STATES:
        raise Invalid(f"no state {state!r} of a project", hint=f"States: {', '.join(STATES)}.")
    row = tx.con.execute("SELECT id, name, state FROM projects WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFound(f"no project {name!r}")
    if row["state"] == state:
        raise Conflict(f"project {row['name']!r} is {state} already")
    tx.con.execute("UPDATE projects SET state = ? WHERE id = ?", (state, row["id"]))
    tx.event("projects.changed", project=row["name"], state=state)
    return tx.operation(
        "project-state",
        actor=actor,
        target={"project_id": row["id"], "project": row["name"], "state": state},
        before={"project": row["name"], "state": row["state"]},
    )


def undo_project_change(tx: Tx, row: sqlite3.Row) -> None:
    """Take ``project-state`` or ``project-settings`` back, from its line of history.

    Raises
    ------
    Conflict
        If the project was changed again since.
    """
    target, before = json.loads(row["target"]), json.loads(row["before"])
    later = tx.con.execute(
        "SELECT 1 FROM operations WHERE id > ? AND verb = ? AND undone_at IS NULL"
        " AND json_extract(target, '$.project') = ?",
        (row["id"], row["verb"], target["project"]),
    ).fetchone()
    if later:
        raise Conflict(
            f"project {target['project']!r} was changed again since",
            hint="Undo the later change first.",
        )
    if row["verb"] == "project-state":
        tx.con.execute(
            "UPDATE projects SET state = ? WHERE name = ?", (before["state"], target["project"])
        )
        tx.event("projects.changed", project=target["project"], state=before["state"])
    else:
        _put_policy(tx, get_project(tx.con, target["project"]), before)


def list_projects_in(con: sqlite3.Connection, state: str) -> list[tuple[str, int]]:
    """Name the projects in a state, with the time at which they came into it."""
    rows = con.execute(
        "SELECT p.name, (SELECT max(o.at) FROM operations o WHERE o.verb = 'project-state'"
        " AND json_extract(o.target, '$.project') = p.name) AS at"
        " FROM projects p WHERE p.state = ? ORDER BY p.name",
        (state,),
    ).fetchall()
    return [(row["name"], row["at"] or now_ms()) for row in rows]


def require_open(con: sqlite3.Connection, project_id: int) -> None:
    """Refuse a change to a project that is archived or in the trash.

    Raises
    ------
    Conflict
        With what to do.
    """
    row = con.execute("SELECT name, state FROM projects WHERE id = ?", (project_id,)).fetchone()
    if row is not None and row["state"] != "active":
        where = "in the archive" if row["state"] == "archived" else "in the trash"
        raise Conflict(
            f"project {row['name']!r} is {where}",
            hint="Put it back to use on the projects page, then try again.",
        )


def project_usage(con: sqlite3.Connection, project_id: int) -> ProjectUsage:
    """Add up what a project takes. O(files of the project)."""
    row = con.execute(_USAGE, {"project": project_id}).fetchone()
    arrived, linked = int(row["arrived_bytes"]), int(row["linked_bytes"])
    return ProjectUsage(
        n_files=row["n_files"],
        arrived_bytes=arrived,
        derived_bytes=int(row["files_bytes"]) - arrived - linked,
        originals_bytes=_originals(con, project_id),
        linked_bytes=linked,
        trash_bytes=int(row["trash_bytes"]),
    )


def _originals(con: sqlite3.Connection, project_id: int) -> int:
    if not con.execute("SELECT 1 FROM sqlite_master WHERE name = 'receipt_items'").fetchone():
        return 0
    row = con.execute(
        "SELECT ifnull(sum(i.size_bytes), 0) FROM receipts r JOIN receipt_items i"
        " ON i.receipt_id = r.id WHERE r.project_id = ? AND i.place LIKE 'originals/%'"
        " AND i.state <> 'duplicate'",
        (project_id,),
    ).fetchone()
    return int(row[0])


def check_quota(con: sqlite3.Connection, project: Project, need_bytes: int = 0) -> None:
    """Refuse when a project would hold more than it may; derived files count.

    Raises
    ------
    QuotaReached
        With the numbers.
    """
    quota = project_settings(project).quota_bytes
    if quota is None:
        return
    used = project_usage(con, project.id).total_bytes
    if used + need_bytes > quota:
        raise QuotaReached(
            f"project {project.name!r} holds {used / 1e9:.2f} GB of its {quota / 1e9:.2f} GB",
            hint="Raise its quota in the project's settings, or remove files.",
            used_bytes=used,
            quota_bytes=quota,
        )
