"""What names subjects and studies by code outside the catalog's own tables: arrivals and jobs."""

# ruff: noqa: S608 - names of columns are ours; values only travel as parameters

from __future__ import annotations

import sqlite3

from appliance.catalog import Move, Tx
from appliance.core import Conflict

__all__ = ["follow", "refuse_busy"]

_OPEN_SERIES = ("ready", "entered")


def refuse_busy(con: sqlite3.Connection, move: Move) -> None:
    """Refuse while a job works below, or files are arriving there."""
    if move.level == "file":
        return
    names = move.source.split("/")[1:]
    column = {"subject": "subject_id", "study": "study_id"}[move.level]
    if (
        _has_table(con, "job")
        and con.execute(
            f"SELECT 1 FROM job WHERE {column} = ? AND started_at IS NOT NULL"
            " AND ended_at IS NULL LIMIT 1",
            (move.x_id,),
        ).fetchone()
    ):
        raise Conflict("a job is working on it", hint="Wait for its end, or cancel it.")
    where = " AND ".join(f"{column} = ?" for column, _ in zip(("pid", "sid"), names, strict=False))
    marks = ",".join("?" * len(_OPEN_SERIES))
    if (
        _has_table(con, "incoming_series")
        and con.execute(
            f"SELECT 1 FROM incoming_series WHERE project_id = ? AND {where}"
            f" AND state IN ({marks}) LIMIT 1",
            (move.project_id, *names, *_OPEN_SERIES),
        ).fetchone()
    ):
        raise Conflict("files are arriving for it", hint="Wait until they are in.")


def follow(tx: Tx, move: Move) -> None:
    """Let arrivals and jobs, which name things by code, follow."""
    if move.level == "file":
        return
    old, new = (path.split("/")[1:] for path in (move.source, move.target))
    columns = ("pid", "sid")[: len(old)]
    changes = ", ".join(f"{column} = ?" for column in columns)
    where = " AND ".join(f"{column} = ?" for column in columns)
    values = (*new, *old, move.project_id)
    if _has_table(tx.con, "incoming_series"):
        tx.con.execute(
            f"UPDATE incoming_series SET {changes} WHERE {where} AND project_id = ?", values
        )
        tx.con.execute(
            f"UPDATE receipt_items SET {changes} WHERE {where} AND receipt_id IN"
            " (SELECT id FROM receipts WHERE project_id = ?)",
            values,
        )
    if _has_table(tx.con, "job"):
        _follow_jobs(tx, move)


def _follow_jobs(tx: Tx, move: Move) -> None:
    column = {"subject": "subject_id", "study": "id"}[move.level]
    rows = tx.con.execute(
        "SELECT s.id, s.subject_id, u.pid || '#' || s.sid AS psid FROM studies s"
        f" JOIN subjects u ON u.id = s.subject_id WHERE s.{column} = ?",
        (move.x_id,),
    ).fetchall()
    for row in rows:
        tx.con.execute(
            "UPDATE job SET psid = ?, subject_id = ? WHERE study_id = ?",
            (row["psid"], row["subject_id"], row["id"]),
        )
    if move.level == "subject":
        tx.con.execute(
            "UPDATE job SET psid = ? WHERE subject_id = ? AND study_id IS NULL",
            (move.change["pid"], move.x_id),
        )


def _has_table(con: sqlite3.Connection, name: str) -> bool:
    found = con.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    return found is not None
