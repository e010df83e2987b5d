"""Pulls as rows of the catalog: what was asked for, how far it is, and why it failed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appliance.core import new_key, now_ms
from appliance.exchange.pacs_values import PacsPull, PullState, PullWays, Wished

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = [
    "OPEN",
    "PullRow",
    "add_pulls",
    "change_pull",
    "due_pulls",
    "list_pulls",
    "load_pull",
    "open_series",
    "requeue_running",
    "without_uids",
]

OPEN = (PullState.QUEUED, PullState.RUNNING)
_USUAL = PullWays()
_CUT_OFF = "the service stopped meanwhile"


class PullRow(PacsPull, frozen=True, kw_only=True):
    """A pull with what only the service needs to know."""

    id: int
    project_id: int
    study_uid: str
    series_uid: str


_ROW = "SELECT q.*, p.name AS project FROM pacs_pulls q JOIN projects p ON p.id = q.project_id"


def add_pulls(
    tx: Tx,
    project_id: int,
    node: str,
    wished: Sequence[Wished],
    actor: str,
    *,
    begin_at: int = 0,
    ways: PullWays = _USUAL,
) -> tuple[str, int]:
    """Write down what is to be pulled; gives the key of the batch and how many are new."""
    batch, now, n = new_key(), now_ms(), 0
    due_at = max(now, begin_at)
    for one in wished:
        cursor = tx.con.execute(
            "INSERT OR IGNORE INTO pacs_pulls (key, batch, project_id, node, actor, study_uid,"
            " series_uid, modality, number, n_expected, state, due_at, created_at, updated_at,"
            " autoexec, autoexec_queue, move_pause_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
            (
                new_key(),
                batch,
                project_id,
                node,
                actor,
                one.study_uid,
                one.series_uid,
                one.modality,
                one.number,
                one.n_images,
                due_at,
                now,
                now,
                ways.autoexec,
                ways.autoexec_queue,
                ways.move_pause_s,
            ),
        )
        n += cursor.rowcount
    name = tx.con.execute("SELECT name FROM projects WHERE id = ?", (project_id,)).fetchone()[0]
    tx.event("pulls.changed", project=name, batch=batch)
    return batch, n


def change_pull(tx: Tx, row: PullRow, **changes: Any) -> None:
    """Change columns of a pull, and tell of it."""
    changes = {**changes, "updated_at": now_ms()}
    sets = ", ".join(f"{name} = ?" for name in changes)
    tx.con.execute(
        f"UPDATE pacs_pulls SET {sets} WHERE id = ?",
        (*changes.values(), row.id),
    )
    state = changes.get("state", row.state)
    tx.event("pulls.changed", project=row.project, batch=row.batch, key=row.key, state=state)


def load_pull(con: sqlite3.Connection, key: str) -> PullRow | None:
    """Give a pull by its key."""
    row = con.execute(f"{_ROW} WHERE q.key = ?", (key,)).fetchone()
    return None if row is None else _pull(row)


def list_pulls(
    con: sqlite3.Connection, project_id: int, *, batch: str = "", limit: int = 1000
) -> list[PullRow]:
    """Give the pulls of a project, newest first."""
    rows = con.execute(
        f"{_ROW} WHERE q.project_id = ? AND (? = '' OR q.batch = ?) ORDER BY q.id DESC LIMIT ?",
        (project_id, batch, batch, limit),
    )
    return [_pull(row) for row in rows]


def due_pulls(con: sqlite3.Connection, now: int) -> dict[str, PullRow]:
    """Give the next pull of each archive."""
    found: dict[str, PullRow] = {}
    rows = con.execute(
        f"{_ROW} WHERE q.state = 'queued' AND q.due_at <= ? AND q.id IN (SELECT min(id)"
        " FROM pacs_pulls WHERE state = 'queued' AND due_at <= ? GROUP BY node)",
        (now, now),
    )
    for row in rows:
        found[row["node"]] = _pull(row)
    return found


def open_series(con: sqlite3.Connection, project_id: int) -> set[tuple[str, str]]:
    """Give study and series of what is asked for already."""
    rows = con.execute(
        "SELECT study_uid, series_uid FROM pacs_pulls"
        " WHERE project_id = ? AND state IN ('queued', 'running')",
        (project_id,),
    )
    return {(row["study_uid"], row["series_uid"]) for row in rows}


def requeue_running(tx: Tx) -> None:
    """After an end in the middle: what was under way is asked for again."""
    tx.con.execute(
        "UPDATE pacs_pulls SET state = 'queued', reason = ?, updated_at = ?"
        " WHERE state = 'running'",
        (_CUT_OFF, now_ms()),
    )


def _pull(row: sqlite3.Row) -> PullRow:
    made = ("receipts", "ways")
    facts = {name: row[name] for name in PullRow.__struct_fields__ if name not in made}
    ways = PullWays(
        autoexec=bool(row["autoexec"]),
        autoexec_queue=row["autoexec_queue"],
        move_pause_s=row["move_pause_s"],
    )
    return PullRow(**facts, receipts=json.loads(row["receipts"]), ways=ways)


def without_uids(row: PullRow) -> PacsPull:
    """Give what may be shown: UIDs lead back to the patient."""
    return PacsPull(**{name: getattr(row, name) for name in PacsPull.__struct_fields__})
