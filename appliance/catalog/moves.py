"""Renaming and moving what lies on disk: the catalog's half, written before and after the disk's.

`begin_move` writes down what is to happen, `finish_move` changes the rows once the folder has its
new name, `cancel_move` forgets it. What lies in ``moves`` at the start of the service was cut short
in between. The disk is not touched here.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import msgspec

from appliance.catalog.history import tell_files
from appliance.catalog.path_rows import (
    StudyNames,
    intern_again,
    intern_in,
    put_paths,
    studies_of_subject,
    study_names,
)
from appliance.catalog.projects import require_open
from appliance.catalog.store import Tx
from appliance.catalog.templates import intern_path, path_sql
from appliance.core import Conflict, Invalid, NotFound, safe_name

__all__ = [
    "Move",
    "begin_move",
    "cancel_move",
    "finish_move",
    "pending_moves",
    "plan_move_study",
    "plan_rename_file",
    "plan_rename_study",
    "plan_rename_subject",
    "rename_row",
]

_MAX_CODE = 64


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One change of names that disk and catalog make together.

    Attributes
    ----------
    verb : str
        ``"rename"`` or ``"move"``.
    source, target : str
        Relative to the folder of the projects.
    change : dict
        Columns of the row and their new values; `before` holds the old ones.
    """

    verb: str
    level: str
    x_id: int
    project_id: int
    project_key: str
    source: str
    target: str
    change: dict[str, Any]
    before: dict[str, Any]


def plan_rename_subject(con: sqlite3.Connection, subject_id: int, pid: str) -> Move:
    """Plan another code for a subject.

    Raises
    ------
    Invalid
        If the code is no plain folder name.
    Conflict
        If another subject, maybe one in the trash, has it.
    """
    row = _row(con, "subject", subject_id)
    _check_code(pid)
    taken = con.execute(
        "SELECT trashed_at FROM subjects WHERE project_id = ? AND pid = ? COLLATE NOCASE"
        " AND id <> ?",
        (row["project_id"], pid, subject_id),
    ).fetchone()
    _refuse_taken(taken, f"a subject {pid!r}")
    values = {"pid": row["pid"]}, {"pid": pid}
    return _move(row, "rename", "subject", ((row["pid"],), (pid,)), values)


def plan_rename_study(con: sqlite3.Connection, study_id: int, sid: str) -> Move:
    """Plan another code for a study within its subject."""
    row = _row(con, "study", study_id)
    _check_code(sid)
    _refuse_taken(_study_at(con, row["subject_id"], sid, study_id), f"a study {sid!r}")
    old, new = (row["pid"], row["sid"]), (row["pid"], sid)
    return _move(row, "rename", "study", (old, new), ({"sid": row["sid"]}, {"sid": sid}))


def plan_move_study(con: sqlite3.Connection, study_id: int, subject_id: int) -> Move:
    """Plan to give a study to another subject of its project."""
    row, to = _row(con, "study", study_id), _row(con, "subject", subject_id)
    if row["project_id"] != to["project_id"]:
        raise Invalid("a study cannot move into another project", hint="Export and import it.")
    if row["subject_id"] == subject_id:
        raise Invalid("the study belongs to that subject already")
    _refuse_taken(_study_at(con, subject_id, row["sid"], 0), f"a study {row['sid']!r}")
    old, new = (row["pid"], row["sid"]), (to["pid"], row["sid"])
    values = {"subject_id": row["subject_id"]}, {"subject_id": subject_id}
    return _move(row, "move", "study", (old, new), values)


def plan_rename_file(con: sqlite3.Connection, file_id: int, path: str) -> Move:
    """Plan another name, maybe in another folder of the same study, for a file."""
    row = _row(con, "file", file_id)
    if any(_unusable(part) for part in path.split("/")) or len(path.encode()) > 1000:
        raise Invalid(f"{path!r} cannot be a file's name", hint="Use 'folder/name', no '..'.")
    taken = con.execute(
        "SELECT f.trashed_at FROM paths p JOIN files f ON f.path_id = p.id"
        " WHERE p.path = ? AND f.study_id = ? AND f.id <> ?",
        (intern_path(path, row["pid"], row["sid"]), row["study_id"], file_id),
    ).fetchone()
    _refuse_taken(taken, f"a file {path!r}")
    old, new = (row["pid"], row["sid"], row["path"]), (row["pid"], row["sid"], path)
    return _move(row, "rename", "file", (old, new), ({"path": row["path"]}, {"path": path}))


def begin_move(tx: Tx, move: Move, actor: str) -> int:
    """Write down that a move is about to happen.

    Returns
    -------
    int
        Id of the operation.

    Raises
    ------
    Conflict
        If another move of the same folder is under way.
    """
    for row in tx.con.execute("SELECT source, target FROM moves").fetchall():
        for busy in row:
            if any(_touches(busy, own) for own in (move.source, move.target)):
                raise Conflict("another change of names is under way there", hint="Try again.")
    target = {
        "project_id": move.project_id,
        "level": move.level,
        "id": move.x_id,
        "from": move.source.partition("/")[2],
        "to": move.target.partition("/")[2],
    }
    operation = tx.operation(move.verb, actor=actor, target=target, before=move.before)
    tx.con.execute(
        "INSERT INTO moves (operation_id, level, x_id, source, target, change)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (operation, move.level, move.x_id, move.source, move.target, json.dumps(move.change)),
    )
    return operation


def finish_move(tx: Tx, operation_id: int) -> None:
    """Change the rows, now that the disk has the new name."""
    row = tx.con.execute("SELECT * FROM moves WHERE operation_id = ?", (operation_id,)).fetchone()
    if row is None:
        return
    change, x_id = json.loads(row["change"]), row["x_id"]
    if row["level"] == "file":
        _rename_file(tx, x_id, change["path"])
    else:
        column, value = next(iter(change.items()))
        table = {"subject": "subjects", "study": "studies"}[row["level"]]
        before = _names(tx, row["level"], x_id)
        tx.con.execute(f"UPDATE {table} SET {_COLUMNS[column]} = ? WHERE id = ?", (value, x_id))
        intern_again(tx.con, before)
        _tell(tx, row["level"], x_id)
    tx.con.execute("DELETE FROM moves WHERE operation_id = ?", (operation_id,))


def rename_row(tx: Tx, file_id: int, path: str) -> None:
    """Let a row tell the name that its file has on disk already."""
    _rename_file(tx, file_id, path)


def cancel_move(tx: Tx, operation_id: int) -> None:
    """Forget a move that did not happen."""
    tx.con.execute("DELETE FROM moves WHERE operation_id = ?", (operation_id,))
    tx.con.execute("DELETE FROM operations WHERE id = ?", (operation_id,))


def pending_moves(con: sqlite3.Connection) -> list[tuple[int, str, str]]:
    """Give the moves that were begun and not finished: operation, source, target."""
    rows = con.execute("SELECT operation_id, source, target FROM moves").fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


_COLUMNS = {"pid": "pid", "sid": "sid", "subject_id": "subject_id"}


def _row(con: sqlite3.Connection, level: str, x_id: int) -> sqlite3.Row:
    select = {
        "subject": "SELECT u.*, j.name AS project, j.key AS project_key FROM subjects u"
        " JOIN projects j ON j.id = u.project_id WHERE u.id = ? AND u.trashed_at IS NULL",
        "study": "SELECT s.*, u.pid, j.name AS project, j.key AS project_key FROM studies s"
        " JOIN subjects u ON u.id = s.subject_id JOIN projects j ON j.id = s.project_id"
        " WHERE s.id = ? AND s.trashed_at IS NULL",
        "file": f"SELECT f.*, {path_sql()} AS path, s.sid, u.pid, j.name AS project,"
        " j.key AS project_key"
        " FROM files f JOIN paths p ON p.id = f.path_id JOIN studies s ON s.id = f.study_id"
        " JOIN subjects u ON u.id = s.subject_id JOIN projects j ON j.id = f.project_id"
        " WHERE f.id = ? AND f.trashed_at IS NULL",
    }[level]
    row: sqlite3.Row | None = con.execute(select, (x_id,)).fetchone()
    if row is None:
        raise NotFound(f"no {level} with id {x_id}")
    require_open(con, row["project_id"])
    return row


def _move(
    row: sqlite3.Row,
    verb: str,
    level: str,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    values: tuple[dict[str, Any], dict[str, Any]],
) -> Move:
    (old, new), (before, change) = names, values
    if old == new:
        raise Invalid("that is the present name")
    return Move(
        verb=verb,
        level=level,
        x_id=row["id"],
        project_id=row["project_id"],
        project_key=row["project_key"],
        source="/".join((row["project"], *old)),
        target="/".join((row["project"], *new)),
        change=change,
        before=before,
    )


def _check_code(code: str) -> None:
    if safe_name(code) != code or len(code) > _MAX_CODE:
        raise Invalid(
            f"{code!r} cannot be a code",
            hint="Use letters, digits, '_', '-' and '.', at most 64.",
        )


def _unusable(part: str) -> bool:
    """Tell whether a part of a path cannot be a name."""
    return part in ("", ".", "..") or part.startswith(".nora") or not part.isprintable()


def _study_at(con: sqlite3.Connection, subject_id: int, sid: str, but: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = con.execute(
        "SELECT trashed_at FROM studies WHERE subject_id = ? AND sid = ? COLLATE NOCASE"
        " AND id <> ?",
        (subject_id, sid, but),
    ).fetchone()
    return row


def _refuse_taken(row: sqlite3.Row | None, what: str) -> None:
    if row is None:
        return
    where = "in the trash" if row["trashed_at"] is not None else "already"
    raise Conflict(f"there is {what} {where}", hint="Choose another name.")


def _touches(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _rename_file(tx: Tx, file_id: int, path: str) -> None:
    row = tx.con.execute("SELECT study_id FROM files WHERE id = ?", (file_id,)).fetchone()
    (kept,) = intern_in(tx.con, row["study_id"], [path])
    put_paths(tx.con, [kept])
    tx.con.execute(
        "UPDATE files SET path_id = (SELECT id FROM paths WHERE path = ?) WHERE id = ?",
        (kept, file_id),
    )
    tell_files(tx, [file_id])


def _names(tx: Tx, level: str, x_id: int) -> list[StudyNames]:
    if level == "subject":
        return studies_of_subject(tx.con, x_id)
    names = study_names(tx.con, x_id)
    return [] if names is None else [names]


def _tell(tx: Tx, level: str, x_id: int) -> None:
    column = {"subject": "subject_id", "study": "id"}[level]
    rows = tx.con.execute(f"SELECT s.id FROM studies s WHERE s.{column} = ?", (x_id,)).fetchall()
    table = {"subject": "subjects", "study": "studies"}[level]
    project = tx.con.execute(
        f"SELECT j.name FROM {table} x JOIN projects j ON j.id = x.project_id WHERE x.id = ?",
        (x_id,),
    ).fetchone()[0]
    tx.event("studies.changed", project=project, study_ids=[row["id"] for row in rows])
