"""NORA's tables of jobs, as views for SQL that was written for NORA."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SQL_VIEWS"]

_AT = "strftime('%Y-%m-%d %H:%M:%S', {} / 1000, 'unixepoch')"
_HERE = "(:project IS NULL OR j.project_id = :project)"

SQL_VIEWS: Mapping[str, str] = {
    "gridjobs": f"""
        SELECT j.key AS jobid, j.name AS jobname,
          substr(j.psid, instr(j.psid, '#') + 1) AS studies_id,
          substr(j.psid, 1, instr(j.psid || '#', '#') - 1) AS patients_id, j.state,
          j.function, {_AT.format("j.started_at")} AS start,
          b.actor AS owner, j.project AS module, j.queue, j.spec AS jsondesc,
          CASE WHEN j.state = 'failed' THEN j.why END AS error,
          {_AT.format("j.updated_at")} AS lastupdate, b.actor AS runas, b.level AS type,
          j.project
        FROM main.job j LEFT JOIN main.batch b ON b.id = j.batch_id WHERE {_HERE}""",
    "commands": f"""
        SELECT j.key AS jobid, b.level AS type, b.actor AS user, j.project, 0 AS testmode,
          j.spec AS jsondesc, b.actor AS runas
        FROM main.job j LEFT JOIN main.batch b ON b.id = j.batch_id
        WHERE j.state = 'queued' AND {_HERE}""",
}
"""Name of a table of NORA's to a SELECT; ``:project`` stands for a project's id or NULL."""
