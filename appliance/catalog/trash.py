"""The trash: rows leave every list at once, their bytes stay where they are until the sweep.

What is in the trash carries `trashed_at`; the operation that put it there knows the rows and takes
them out again. Invariant: all files of a study in the trash are in the trash, and all studies of a
subject.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.catalog.history import LEVELS, add_part, one_project, parts_of, tell_files
from appliance.catalog.projects import require_open
from appliance.catalog.tags import Bulk
from appliance.catalog.templates import path_sql
from appliance.core import Conflict, Invalid, now_ms

if TYPE_CHECKING:
    from appliance.catalog.store import Catalog, Tx

__all__ = [
    "TrashedFile",
    "TrashedStudy",
    "check_trash",
    "due_for_purge",
    "files_of_study",
    "forget_trashed",
    "mark_purged",
    "revert_trash",
    "trash_again",
    "trash_files",
    "trash_many",
    "trashed_rows",
]

_STUDIES_AT_ONCE = 25
_FILES_AT_ONCE = 1000
_NAMES_KEPT = 8


class TrashedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that is to leave the disk."""

    id: int
    project: str
    pid: str
    sid: str
    path: str


class TrashedStudy(msgspec.Struct, frozen=True, kw_only=True):
    """One study whose folder is to leave the disk."""

    id: int
    project: str
    pid: str
    sid: str


def trash_files(tx: Tx, ids: Sequence[int], actor: str) -> int:
    """Put some files into the trash in the present transaction; `undo` brings them back.

    Returns
    -------
    int
        Id of the operation.
    """
    now = now_ms()
    gone = _mark(tx, "files", "id", ids, now)
    target = {
        "project_id": one_project(tx.con, "file", gone),
        "files": len(gone),
        "trashed_at": now,
        "names": _names(tx.con, "file", gone),
    }
    operation = tx.operation("trash", actor=actor, target=target)
    add_part(tx, operation, {"files": gone, "studies": [], "subjects": []})
    tell_files(tx, gone)
    return operation


def trash_many(
    catalog: Catalog,
    *,
    files: Sequence[int] = (),
    studies: Sequence[int] = (),
    subjects: Sequence[int] = (),
    actor: str,
) -> Bulk:
    """Put files, studies and subjects of one project into the trash, undoable as one.

    Raises
    ------
    Invalid
        If nothing is named, or they belong to several projects.
    NotFound
        If none of them exists.
    Conflict
        If the project is in the archive or the trash.
    """
    wanted = {"file": list(files), "study": list(studies), "subject": list(subjects)}
    with catalog.read() as con:
        owners = {one_project(con, level, ids) for level, ids in wanted.items() if ids}
        if len(owners) != 1:
            raise Invalid(
                "nothing was named" if not owners else "these belong to several projects",
                hint="Choose files, studies or subjects of one project.",
            )
        project_id = owners.pop()
        require_open(con, project_id or 0)
        names = [name for level, ids in wanted.items() for name in _names(con, level, ids)]
        whole = [*dict.fromkeys([*studies, *_studies_of(con, subjects)])]
    now = now_ms()
    target = {
        "project_id": project_id,
        **{LEVELS[level]: len(ids) for level, ids in wanted.items() if ids},
        "trashed_at": now,
        "names": names[:_NAMES_KEPT],
    }
    operation = catalog.write(lambda tx: tx.operation("trash", actor=actor, target=target))
    for step in _steps(list(files), whole, list(subjects), now):
        catalog.write(lambda tx, step=step: _part(tx, operation, step))  # type: ignore[misc]
    return Bulk(operation, sum(map(len, wanted.values())))


def trash_again(
    tx: Tx,
    project_id: int,
    operation: int | None,
    *,
    files: Sequence[int] = (),
    study: int | None = None,
    with_subject: bool = False,
    actor: str,
) -> int:
    """Put what lay in the trash before its catalog was lost back into it, many as one operation.

    Parameters
    ----------
    operation : int or None
        What an earlier call gave; None begins a new one.
    study : int, optional
        A study that goes as a whole.
    with_subject : bool
        Whether its subject goes too, unless another of its studies is in use.
    """
    if operation is None:
        target = {"project_id": project_id, "trashed_at": now_ms(), "names": []}
        operation = tx.operation("trash", actor=actor, target=target)
    row = tx.con.execute("SELECT target FROM operations WHERE id = ?", (operation,)).fetchone()
    target = json.loads(row[0])
    stamp, whole = target["trashed_at"], [study] if study is not None else []
    gone = {"files": _mark(tx, "files", "id", files, stamp), "studies": [], "subjects": []}
    names = _names(tx.con, "study", whole) or _names(tx.con, "file", gone["files"])
    gone["files"] += _mark(tx, "files", "study_id", whole, stamp)
    gone["studies"] = _mark(tx, "studies", "id", whole, stamp)
    if with_subject:
        gone["subjects"] = _mark(tx, "subjects", "id", _unused_subjects(tx.con, whole), stamp)
    for table in ("studies", "subjects") if whole else ("files",):
        if gone[table]:
            target[table] = target.get(table, 0) + len(gone[table])
    target["names"] = [*target["names"], *names][:_NAMES_KEPT]
    tx.con.execute("UPDATE operations SET target = ? WHERE id = ?", (json.dumps(target), operation))
    add_part(tx, operation, gone)
    tell_files(tx, gone["files"])
    _tell_studies(tx, gone["studies"])
    return operation


def _unused_subjects(con: sqlite3.Connection, studies: Sequence[int]) -> list[int]:
    rows = con.execute(
        "SELECT DISTINCT s.subject_id FROM json_each(?) j CROSS JOIN studies s ON s.id = j.value"
        " WHERE NOT EXISTS (SELECT 1 FROM studies o WHERE o.subject_id = s.subject_id"
        "  AND o.trashed_at IS NULL)",
        (json.dumps(list(studies)),),
    ).fetchall()
    return [row[0] for row in rows]


def revert_trash(tx: Tx, target: dict[str, Any], part: dict[str, Any]) -> None:
    """Take one chunk out of the trash, as far as nothing else has revived it meanwhile."""
    back = {table: _revive(tx, table, part[table], target["trashed_at"]) for table in part}
    tell_files(tx, back["files"])
    _tell_studies(tx, back["studies"])


def check_trash(con: sqlite3.Connection, operation_id: int) -> None:
    """Refuse to take files out of the trash whose study is in it by another operation.

    Raises
    ------
    Conflict
        If a study or subject above was put into the trash separately.
    """
    parts = [data for _, data in parts_of(con, operation_id, undone=False)]
    own = {table: {x for part in parts for x in part[table]} for table in LEVELS.values()}
    for child, parent, column in (
        ("files", "studies", "study_id"),
        ("studies", "subjects", "subject_id"),
    ):
        rows = con.execute(
            f"SELECT DISTINCT p.id FROM json_each(?) j CROSS JOIN {child} c ON c.id = j.value"
            f" JOIN {parent} p ON p.id = c.{column} WHERE p.trashed_at IS NOT NULL",
            (json.dumps(sorted(own[child])),),
        ).fetchall()
        if {row[0] for row in rows} - own[parent]:
            raise Conflict(
                "what these belong to is in the trash itself",
                hint="Take the later operation back first.",
            )


def due_for_purge(con: sqlite3.Connection, before_ms: int) -> list[int]:
    """Name the operations whose trash is older than a moment, oldest first."""
    rows = con.execute(
        "SELECT id FROM operations WHERE verb = 'trash' AND undone_at IS NULL"
        " AND purged_at IS NULL AND at < ? ORDER BY id",
        (before_ms,),
    ).fetchall()
    return [row[0] for row in rows]


def mark_purged(tx: Tx, operation_id: int) -> None:
    """Make an operation final, before its bytes are touched; no undo from here on.

    Raises
    ------
    Conflict
        If it is no trash, or was taken back.
    """
    done = tx.con.execute(
        "UPDATE operations SET purged_at = ifnull(purged_at, ?)"
        " WHERE id = ? AND verb = 'trash' AND undone_at IS NULL",
        (now_ms(), operation_id),
    ).rowcount
    if not done:
        raise Conflict(f"operation {operation_id} does not lie in the trash")


def trashed_rows(
    con: sqlite3.Connection, operation_id: int
) -> tuple[list[TrashedStudy], list[TrashedFile]]:
    """Give what an operation put into the trash and what is still in it by that operation.

    Files of studies that are in the trash as a whole are left out.
    """
    stamp = con.execute(
        "SELECT json_extract(target, '$.trashed_at') FROM operations WHERE id = ?", (operation_id,)
    ).fetchone()[0]
    parts = [data for _, data in parts_of(con, operation_id)]
    studies = json.dumps([x for part in parts for x in part["studies"]])
    files = json.dumps([x for part in parts for x in part["files"]])
    names = (
        "j.name AS project, u.pid, s.sid FROM json_each(?) i CROSS JOIN {} JOIN subjects u"
        " ON u.id = s.subject_id JOIN projects j ON j.id = s.project_id"
    )
    whole = con.execute(
        f"SELECT s.id, {names.format('studies s ON s.id = i.value')} WHERE s.trashed_at = ?",
        (studies, stamp),
    ).fetchall()
    single = con.execute(
        f"SELECT f.id, {path_sql()} AS path, "
        + names.format(
            "files f ON f.id = i.value JOIN studies s ON s.id = f.study_id"
            " JOIN paths p ON p.id = f.path_id"
        )
        + " WHERE f.trashed_at = ? AND ifnull(s.trashed_at, 0) <> ?",
        (files, stamp, stamp),
    ).fetchall()
    return [TrashedStudy(**dict(r)) for r in whole], [TrashedFile(**dict(r)) for r in single]


def forget_trashed(tx: Tx, file_ids: Sequence[int]) -> None:
    """Remove the rows of files whose bytes have left; studies and subjects stay as names."""
    tell_files(tx, file_ids)
    raw = json.dumps(list(file_ids))
    inside = "IN (SELECT value FROM json_each(?))"
    tx.con.execute(f"DELETE FROM meta WHERE file_id {inside}", (raw,))
    tx.con.execute(f"DELETE FROM file_tags WHERE x_id {inside}", (raw,))
    tx.con.execute(f"DELETE FROM files WHERE id {inside} AND trashed_at IS NOT NULL", (raw,))


def files_of_study(con: sqlite3.Connection, study_id: int) -> list[int]:
    """Give all files of a study that are in the trash."""
    rows = con.execute(
        "SELECT id FROM files WHERE study_id = ? AND trashed_at IS NOT NULL", (study_id,)
    ).fetchall()
    return [row[0] for row in rows]


_Step = Callable[["Tx"], dict[str, list[int]]]


def _steps(files: list[int], studies: list[int], subjects: list[int], now: int) -> list[_Step]:
    """Cut the work into short transactions: files first, what they belong to last."""
    steps: list[_Step] = []
    for start in range(0, len(files), _FILES_AT_ONCE):
        piece = files[start : start + _FILES_AT_ONCE]
        steps.append(lambda tx, piece=piece: {"files": _mark(tx, "files", "id", piece, now)})  # type: ignore[misc]
    for start in range(0, len(studies), _STUDIES_AT_ONCE):
        piece = studies[start : start + _STUDIES_AT_ONCE]
        steps.append(
            lambda tx, piece=piece: {  # type: ignore[misc]
                "files": _mark(tx, "files", "study_id", piece, now),
                "studies": _mark(tx, "studies", "id", piece, now),
            }
        )
    if subjects:
        steps.append(lambda tx: {"subjects": _mark(tx, "subjects", "id", subjects, now)})
    return steps


def _part(tx: Tx, operation: int, step: _Step) -> None:
    undone = tx.con.execute("SELECT undone_at FROM operations WHERE id = ?", (operation,))
    if undone.fetchone()[0] is not None:
        raise Conflict("this was taken back while it was being done")
    gone = {"files": [], "studies": [], "subjects": [], **step(tx)}
    add_part(tx, operation, gone)
    tell_files(tx, gone["files"])
    _tell_studies(tx, gone["studies"])


def _mark(tx: Tx, table: str, column: str, ids: Sequence[int], now: int) -> list[int]:
    rows = tx.con.execute(
        f"UPDATE {table} SET trashed_at = ? WHERE trashed_at IS NULL"
        f" AND {column} IN (SELECT value FROM json_each(?)) RETURNING id",
        (now, json.dumps(list(ids))),
    ).fetchall()
    return [row[0] for row in rows]


def _revive(tx: Tx, table: str, ids: Sequence[int], stamp: int) -> list[int]:
    rows = tx.con.execute(
        f"UPDATE {table} SET trashed_at = NULL WHERE trashed_at = ?"
        " AND id IN (SELECT value FROM json_each(?)) RETURNING id",
        (stamp, json.dumps(list(ids))),
    ).fetchall()
    return [row[0] for row in rows]


def _studies_of(con: sqlite3.Connection, subjects: Sequence[int]) -> list[int]:
    rows = con.execute(
        "SELECT s.id FROM json_each(?) j CROSS JOIN studies s ON s.subject_id = j.value",
        (json.dumps(list(subjects)),),
    ).fetchall()
    return [row[0] for row in rows]


def _tell_studies(tx: Tx, ids: Sequence[int]) -> None:
    rows = tx.con.execute(
        "SELECT p.name, s.id FROM json_each(?) j CROSS JOIN studies s ON s.id = j.value"
        " JOIN projects p ON p.id = s.project_id",
        (json.dumps(list(ids)),),
    ).fetchall()
    if rows:
        tx.event("studies.changed", project=rows[0]["name"], study_ids=[row["id"] for row in rows])


def _names(con: sqlite3.Connection, level: str, ids: Sequence[int]) -> list[str]:
    """Give some names for the line of history: ``PID``, ``PID#SID`` or ``PID#SID/path``."""
    select = {
        "subject": "SELECT u.pid FROM subjects u WHERE u.id = ?",
        "study": "SELECT u.pid || '#' || s.sid FROM studies s"
        " JOIN subjects u ON u.id = s.subject_id WHERE s.id = ?",
        "file": f"SELECT u.pid || '#' || s.sid || '/' || {path_sql()} FROM files f"
        " JOIN paths p ON p.id = f.path_id JOIN studies s ON s.id = f.study_id"
        " JOIN subjects u ON u.id = s.subject_id WHERE f.id = ?",
    }[level]
    rows = (con.execute(select, (x,)).fetchone() for x in ids[:_NAMES_KEPT])
    return [row[0] for row in rows if row is not None]
