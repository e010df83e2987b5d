"""What a file was made from and what was made from it, some levels deep, as people read it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from appliance.catalog import get_file
from appliance.core import NotFound, iso
from appliance.jobs.records import read_record, read_records
from appliance.jobs.stale import Mark, judge, marks_of

__all__ = [
    "Lineage",
    "LineageFile",
    "Making",
    "StaleMark",
    "lineage_of",
    "say_marks",
    "stale_texts",
]

_MOST_STEPS = 200
_MAKERS = "SELECT DISTINCT origin FROM files f WHERE f.id IN (SELECT value FROM json_each(?))"
_RECORD_WITH = "SELECT origin FROM provenance_file WHERE file_id = ? AND dir = 'in' LIMIT 1"
_WORDS = {
    "changed": "{} was changed after it was used",
    "trashed": "{}, which it was made from, is in the trash",
    "gone": "{}, which it was made from, is gone",
    "superseded": "{}, which it was made from, has a newer version",
    "upstream": "{}, which it was made from, is out of date itself",
}
_USERS = """
SELECT DISTINCT i.origin FROM json_each(?) w
CROSS JOIN provenance_file i ON i.file_id = w.value AND i.dir = 'in'
CROSS JOIN provenance_file o ON o.origin = i.origin AND o.dir = 'out'
CROSS JOIN files f ON f.id = o.file_id AND f.origin = i.origin AND f.trashed_at IS NULL
ORDER BY 1
"""


class StaleMark(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file is out of date.

    Attributes
    ----------
    reason : str
        ``changed``, ``trashed``, ``gone``, or ``upstream``: the input is out of date itself.
    """

    reason: str
    text: str
    input_id: int


class LineageFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was when an attempt read or made it.

    Attributes
    ----------
    id : int or None
        None when it is outside of studies, or no longer there.
    state : str
        ``same``, ``changed``, ``trashed`` or ``gone``: what became of it since.
    """

    id: int | None
    arg: str
    psid: str
    path: str
    size_bytes: int | None
    sha256: str | None
    state: str = "same"
    stale: str | None = None


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that made files; `level` is how many steps it is away from the file.

    Attributes
    ----------
    is_kept : bool
        Whether the job can still be looked at and run again.
    """

    level: int
    origin: str
    job_key: str
    job_name: str
    attempt: int
    batch_key: str
    batch_name: str
    function: str
    tool_version: str
    tool_sha256: str
    user: str
    host: str
    adapter: str
    started_at: str
    ended_at: str | None
    wall_s: float | None
    resources: dict[str, Any]
    versions: dict[str, str]
    command: list[str]
    script: dict[str, str]
    inputs: list[LineageFile]
    outputs: list[LineageFile]
    is_kept: bool


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """How a file was made, from what, and what was made from it; nearest first."""

    file_id: int
    psid: str
    path: str
    origin: str | None
    sha256: str | None
    stale: StaleMark | None
    made: Making | None
    before: list[Making]
    after: list[Making]
    is_cut: bool = False


def lineage_of(con: sqlite3.Connection, file_id: int, *, depth: int = 4) -> Lineage:
    """Follow a file in both directions.

    Parameters
    ----------
    depth : int
        How many steps each way.
    """
    file = get_file(con, file_id)
    walk = _Walk(con)
    before = walk.follow([file_id], depth, _makers, "inputs")
    after = walk.follow([file_id], depth, _users, "outputs", seen={m.origin for m in before})
    mark = judge(con, [file_id]).get(file_id)
    made = next((one for one in before if one.origin == file.origin), None)
    return Lineage(
        file_id=file_id,
        psid=file.psid,
        path=file.path,
        origin=file.origin,
        sha256=file.sha256,
        stale=None if mark is None else say_marks(con, {file_id: mark})[file_id],
        made=made,
        before=[one for one in before if one is not made],
        after=after,
        is_cut=walk.is_cut,
    )


def say_marks(con: sqlite3.Connection, marks: Mapping[int, Mark]) -> dict[int, StaleMark]:
    """Put into words why files are out of date."""
    names = {mark.input_id: "" for mark in marks.values()}
    for input_id in names:
        names[input_id] = _name_of(con, input_id)
    return {
        file_id: StaleMark(
            reason=mark.reason,
            text=_WORDS[mark.reason].format(names[mark.input_id]),
            input_id=mark.input_id,
        )
        for file_id, mark in marks.items()
    }


def stale_texts(con: sqlite3.Connection, file_ids: Sequence[int]) -> dict[int, str]:
    """Tell in words, by id, which of some files are out of date and why."""
    return {i: mark.text for i, mark in say_marks(con, marks_of(con, file_ids)).items()}


def _name_of(con: sqlite3.Connection, input_id: int) -> str:
    """Give the path of an input, as it was recorded when it is not there any more."""
    try:
        return get_file(con, input_id).path
    except NotFound:
        pass
    for row in con.execute(_RECORD_WITH, (input_id,)):
        for one in read_record(con, row["origin"])["inputs"]:
            if one["id"] == input_id:
                return str(one["path"])
    return f"file {input_id}"


class _Walk:
    """Steps from file to attempt to file, each attempt once."""

    def __init__(self, con: sqlite3.Connection) -> None:
        self.con = con
        self.is_cut = False

    def follow(
        self,
        ids: Iterable[int],
        depth: int,
        step: Callable[[sqlite3.Connection, Sequence[int]], list[str]],
        then: str,
        seen: set[str] | None = None,
    ) -> list[Making]:
        """Give the attempts that are met, level by level."""
        found: list[Making] = []
        seen, files, done = set(seen or ()), list(ids), set(ids)
        for level in range(1, depth + 2):
            origins = [one for one in step(self.con, files) if one not in seen]
            if not origins:
                break
            if level > depth or len(found) + len(origins) > _MOST_STEPS:
                self.is_cut = True
                break
            seen.update(origins)
            records = read_records(self.con, origins)
            found += [_making(self.con, level, record) for record in records.values()]
            next_ids = {f["id"] for record in records.values() for f in record[then]} - done
            files = sorted(i for i in next_ids if i is not None)
            done.update(files)
        return found


def _makers(con: sqlite3.Connection, ids: Sequence[int]) -> list[str]:
    rows = con.execute(_MAKERS, (json.dumps(list(ids)),)).fetchall()
    return sorted(row[0] for row in rows if (row[0] or "").startswith("attempt:"))


def _users(con: sqlite3.Connection, ids: Sequence[int]) -> list[str]:
    return [row[0] for row in con.execute(_USERS, (json.dumps(list(ids)),)).fetchall()]


def _making(con: sqlite3.Connection, level: int, record: dict[str, Any]) -> Making:
    job, batch = record["job"], record["batch"]
    tool = record["tool"] or ["", "", ""]
    plain = ("origin", "attempt", "user", "host", "adapter", "wall_s")
    more = ("resources", "versions", "command", "script")
    kept = con.execute("SELECT 1 FROM job WHERE key = ?", (job["key"],)).fetchone()
    return Making(
        level=level,
        **{name: record[name] for name in (*plain, *more)},
        started_at=iso(record["started_at"]),
        ended_at=None if record["ended_at"] is None else iso(record["ended_at"]),
        job_key=job["key"],
        job_name=job["name"],
        batch_key=batch["key"],
        batch_name=batch["name"],
        function=job["function"],
        tool_version=tool[1],
        tool_sha256=tool[2],
        inputs=_files(con, record["inputs"]),
        outputs=_files(con, record["outputs"]),
        is_kept=kept is not None,
    )


def _files(con: sqlite3.Connection, files: list[dict[str, Any]]) -> list[LineageFile]:
    now = {}
    ids = [one["id"] for one in files if one["id"] is not None]
    for row in con.execute(
        "SELECT f.*, coalesce(f.trashed_at, s.trashed_at) AS away, t.reason FROM json_each(?) w"
        " CROSS JOIN files f ON f.id = w.value JOIN studies s ON s.id = f.study_id"
        " LEFT JOIN stale t ON t.file_id = f.id",
        (json.dumps(ids),),
    ):
        now[row["id"]] = row
    return [_file(one, now.get(one["id"])) for one in files]


def _file(one: dict[str, Any], row: sqlite3.Row | None) -> LineageFile:
    state = "gone" if row is None and one["id"] is not None else "same"
    if row is not None:
        moved = (row["size_bytes"], row["mtime_ns"]) != (one["size_bytes"], one["mtime_ns"])
        same = one["sha256"] is not None and one["sha256"] == row["sha256"]
        state = "trashed" if row["away"] else "changed" if moved and not same else "same"
    return LineageFile(
        id=None if state in ("gone", "trashed") else one["id"],
        arg=one["arg"],
        psid=one["psid"],
        path=one["path"],
        size_bytes=one["size_bytes"],
        sha256=one["sha256"],
        state=state,
        stale=None if row is None else row["reason"],
    )
