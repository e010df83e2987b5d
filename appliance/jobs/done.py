"""Tells whether a job has been done already, and if not, why it has to run."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.jobs.plan import Plan, spec_sha256
from appliance.jobs.resolve import OutputPath, Resolved

__all__ = ["Verdict", "judge_done"]

_MAKER = """
SELECT j.id, j.name, j.state, j.spec_sha256, f.n, f.size_bytes, f.mtime_ns
FROM job_file f JOIN job j ON j.id = f.job_id
WHERE f.path = ? AND f.dir = 'out' AND f.size_bytes IS NOT NULL ORDER BY f.id DESC LIMIT 1
"""
_MAKER_OF_FOLDER = """
SELECT j.id, j.name, j.state, j.spec_sha256, f.n
FROM job_file f JOIN job j ON j.id = f.job_id WHERE f.path = ? AND f.dir = 'out'
ORDER BY f.id DESC LIMIT 1
"""
_INPUTS = "SELECT path FROM job_file WHERE job_id = ? AND n = ? AND dir = 'in'"


@dataclass(frozen=True)
class Verdict:
    """Whether a job is done, and the reason in words."""

    done: bool
    reason: str


def judge_done(
    con: sqlite3.Connection, plan: Plan, found: Resolved, fresh: Sequence[OutputPath]
) -> Verdict:
    """Compare outputs with inputs, and the job with the one that made them.

    Parameters
    ----------
    fresh : sequence of OutputPath
        What earlier jobs of the chain are going to make in this batch.
    """
    if not found.outputs:
        return Verdict(done=False, reason="it declares no output")
    coming = _comes_anew(found, fresh)
    if coming is not None:
        return Verdict(done=False, reason=f"{coming.name} will be made anew by an earlier job")
    for output in found.outputs:
        reason = _why_not(con, plan, found, output)
        if reason is not None:
            return Verdict(done=False, reason=reason)
    text = "its outputs exist, are newer than its inputs and were made by the same job"
    touched = [out.path.name for out in found.outputs if _was_touched(con, out)]
    text += f"; {touched[0]} was changed since" if touched else ""
    return Verdict(done=True, reason=text)


def _was_touched(con: sqlite3.Connection, output: OutputPath) -> bool:
    """Tell whether a file is no longer as its job left it; it was corrected by hand, perhaps."""
    if output.is_folder:
        return False
    stat = output.path.stat()
    row = con.execute(_MAKER, (str(output.path),)).fetchone()
    return (row["size_bytes"], row["mtime_ns"]) != (stat.st_size, stat.st_mtime_ns)


def _comes_anew(found: Resolved, fresh: Sequence[OutputPath]) -> Path | None:
    made = {output.path for output in fresh if not output.is_folder}
    folders = [output.path for output in fresh if output.is_folder]
    used = {Path(path) for paths in found.values.values() for path in paths if path[:1] == "/"}
    used -= {output.path for output in found.outputs}
    return next(
        (p for p in sorted(used) if p in made or any(p.is_relative_to(f) for f in folders)), None
    )


def _why_not(
    con: sqlite3.Connection, plan: Plan, found: Resolved, output: OutputPath
) -> str | None:
    name = output.path.name
    try:
        made_ns = output.path.stat().st_mtime_ns
    except OSError:
        return f"{name} does not exist"
    maker = con.execute(
        _MAKER_OF_FOLDER if output.is_folder else _MAKER, (str(output.path),)
    ).fetchone()
    if maker is None:
        return f"{name} was not made by a job"
    if maker["state"] != "done":
        return f"the job that made {name} is {maker['state']}"
    if maker["spec_sha256"] != spec_sha256(plan):
        return f"{name} was made by another job, or by this one before it was changed"
    return _inputs_changed(con, found, maker, name, None if output.is_folder else made_ns)


def _inputs_changed(
    con: sqlite3.Connection, found: Resolved, maker: sqlite3.Row, name: str, made_ns: int | None
) -> str | None:
    before = {row["path"] for row in con.execute(_INPUTS, (maker["id"], maker["n"]))}
    now = {str(one.path) for one in found.inputs}
    if before != now:
        other = Path(min(before ^ now)).name
        return f"its input files are others than then, such as {other}"
    for path in sorted(now):
        try:
            newer = made_ns is not None and Path(path).stat().st_mtime_ns > made_ns
        except OSError:
            return f"{Path(path).name} is gone"
        if newer:
            return f"{Path(path).name} is newer than {name}"
    return None
