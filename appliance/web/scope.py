"""What the token of a running job may touch: its own project and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from appliance.catalog import Caller
from appliance.core import Refused

__all__ = ["check_ids", "check_project"]

_TABLES = {"subject": "subjects", "study": "studies", "file": "files"}
_CHUNK = 500


def check_project(con: sqlite3.Connection, who: Caller, project: str) -> None:
    """Let everybody but jobs pass, and a job only into its own project.

    Raises
    ------
    Refused
        If the caller is a job of another project.
    """
    own = _project_of_job(con, who)
    if own is not None and own.lower() != project.lower():
        raise Refused(f"the token of a job opens only its own project, {own!r}")


def check_ids(con: sqlite3.Connection, who: Caller, level: str, ids: Sequence[int]) -> None:
    """The same for subjects, studies or files by id.

    Raises
    ------
    Refused
        If the caller is a job and one of them belongs to another project.
    """
    own = _project_of_job(con, who)
    if own is None:
        return
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        rows = con.execute(
            f"SELECT DISTINCT p.name FROM {_TABLES[level]} x JOIN projects p"  # noqa: S608
            f" ON p.id = x.project_id WHERE x.id IN ({','.join('?' * len(chunk))})",
            chunk,
        )
        for row in rows.fetchall():
            check_project(con, who, row[0])


def _project_of_job(con: sqlite3.Connection, who: Caller) -> str | None:
    if who.job_key is None:
        return None
    row = con.execute("SELECT project FROM job WHERE key = ?", (who.job_key,)).fetchone()
    if row is None:
        raise Refused("the job of this token does not exist any more")
    return str(row[0])
