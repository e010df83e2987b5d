"""Pushes as rows of the catalog: what goes where, how far it is, and what was answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appliance.core import new_key, now_ms
from appliance.exchange.push_values import NewPush, ObjectState, Push, PushAnswer, PushState, Reply

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = [
    "OPEN",
    "PushRow",
    "acknowledged_places",
    "add_push",
    "change_push",
    "due_pushes",
    "list_pushes",
    "load_push",
    "note_replies",
    "places_of",
    "push_answers",
    "requeue_sending",
    "shown",
    "waiting_objects",
]

OPEN = (PushState.QUEUED, PushState.SENDING)
_CUT_OFF = "the service stopped meanwhile"
_ROW = (
    "SELECT q.*, p.name AS project, p.key AS project_key FROM pacs_pushes q"
    " JOIN projects p ON p.id = q.project_id"
)


class PushRow(Push, frozen=True, kw_only=True):
    """A push with what only the service needs to know."""

    id: int
    project_id: int
    project_key: str
    pid: str
    study_uid: str
    new_study: int


def add_push(tx: Tx, project_id: int, node: str, wanted: NewPush, *, batch: str, actor: str) -> str:
    """Write a push and its objects down; gives its key."""
    now, key = now_ms(), new_key()
    row = tx.con.execute(
        "INSERT INTO pacs_pushes (key, batch, project_id, node, actor, kind, pid, psid, study_uid,"
        " what, new_study, n_objects, state, due_at, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?) RETURNING id",
        (
            *(key, batch, project_id, node, actor, wanted.kind, wanted.pid, wanted.psid),
            *(wanted.study_uid, wanted.what, int(wanted.new_study), len(wanted.places)),
            *(now, now, now),
        ),
    ).fetchone()
    tx.con.executemany(
        "INSERT INTO pacs_push_objects (push_id, n, place) VALUES (?, ?, ?)",
        [(row[0], n, place) for n, place in enumerate(wanted.places, 1)],
    )
    found = load_push(tx.con, key)
    assert found is not None  # noqa: S101 - inserted above
    _tell(tx, found, PushState.QUEUED)
    return key


def change_push(tx: Tx, row: PushRow, **changes: Any) -> None:
    """Change columns of a push, and tell of it."""
    changes = {**changes, "updated_at": now_ms()}
    sets = ", ".join(f"{name} = ?" for name in changes)
    tx.con.execute(f"UPDATE pacs_pushes SET {sets} WHERE id = ?", (*changes.values(), row.id))
    _tell(tx, row, changes.get("state", row.state))


def note_replies(tx: Tx, row: PushRow, replies: Sequence[Reply]) -> None:
    """Keep what was said of objects, and count."""
    now = now_ms()
    tx.con.executemany(
        "UPDATE pacs_push_objects SET state = ?, code = ?, answer = ?, at = ?"
        " WHERE push_id = ? AND n = ?",
        [(one.state, one.code, one.text, now, row.id, one.n) for one in replies],
    )
    change_push(tx, row, **_counts(tx.con, row.id))


def load_push(con: sqlite3.Connection, key: str) -> PushRow | None:
    """Give a push by its key."""
    row = con.execute(f"{_ROW} WHERE q.key = ?", (key,)).fetchone()
    return None if row is None else _push(row)


def list_pushes(
    con: sqlite3.Connection, project_id: int, *, batch: str = "", limit: int = 1000
) -> list[PushRow]:
    """Give the pushes of a project, newest first."""
    rows = con.execute(
        f"{_ROW} WHERE q.project_id = ? AND (? = '' OR q.batch = ?) ORDER BY q.id DESC LIMIT ?",
        (project_id, batch, batch, limit),
    )
    return [_push(row) for row in rows]


def due_pushes(con: sqlite3.Connection, now: int) -> dict[str, PushRow]:
    """Give the next push of each archive."""
    rows = con.execute(
        f"{_ROW} WHERE q.id IN (SELECT min(id) FROM pacs_pushes"
        " WHERE state = 'queued' AND due_at <= ? GROUP BY node)",
        (now,),
    )
    return {row["node"]: _push(row) for row in rows}


def waiting_objects(con: sqlite3.Connection, push_id: int) -> list[tuple[int, str]]:
    """Give number and place of the objects that nobody has answered for."""
    rows = con.execute(
        "SELECT n, place FROM pacs_push_objects WHERE push_id = ? AND state = 'waiting' ORDER BY n",
        (push_id,),
    )
    return [(row["n"], row["place"]) for row in rows]


def places_of(con: sqlite3.Connection, push_id: int) -> list[str]:
    """Give the places of all objects of a push."""
    rows = con.execute("SELECT place FROM pacs_push_objects WHERE push_id = ?", (push_id,))
    return [str(row[0]) for row in rows]


def push_answers(con: sqlite3.Connection, push_id: int) -> list[PushAnswer]:
    """Give what was said of each object of a push."""
    rows = con.execute(
        "SELECT n, state, code, answer, at FROM pacs_push_objects WHERE push_id = ? ORDER BY n",
        (push_id,),
    )
    return [
        PushAnswer(n=r["n"], state=r["state"], code=r["code"], text=r["answer"], at=r["at"])
        for r in rows
    ]


def acknowledged_places(con: sqlite3.Connection, project_id: int, node: str) -> set[str]:
    """Give the places of all objects of a project that an archive has, or is about to get."""
    rows = con.execute(
        "SELECT DISTINCT o.place FROM pacs_push_objects o JOIN pacs_pushes q ON q.id = o.push_id"
        " WHERE q.project_id = ? AND q.node = ? AND (o.state = 'acknowledged'"
        "  OR (o.state = 'waiting' AND q.state IN ('queued', 'sending')))",
        (project_id, node),
    )
    return {str(row[0]) for row in rows}


def requeue_sending(tx: Tx) -> None:
    """After an end in the middle: what was under way goes on where it was."""
    tx.con.execute(
        "UPDATE pacs_pushes SET state = 'queued', reason = ?, updated_at = ?"
        " WHERE state = 'sending'",
        (_CUT_OFF, now_ms()),
    )


def shown(row: PushRow) -> Push:
    """Give what may be shown: UIDs lead back to the patient."""
    return Push(**{name: getattr(row, name) for name in Push.__struct_fields__})


def _counts(con: sqlite3.Connection, push_id: int) -> dict[str, int]:
    row = con.execute(
        "SELECT count(*) FILTER (WHERE state = ?) AS n_sent,"
        " count(*) FILTER (WHERE state = ?) AS n_refused FROM pacs_push_objects WHERE push_id = ?",
        (ObjectState.ACKNOWLEDGED, ObjectState.REFUSED, push_id),
    ).fetchone()
    return dict(row)


def _push(row: sqlite3.Row) -> PushRow:
    return PushRow(**{name: row[name] for name in PushRow.__struct_fields__})


def _tell(tx: Tx, row: PushRow, state: str) -> None:
    tx.event("pushes.changed", project=row.project, batch=row.batch, key=row.key, state=state)
