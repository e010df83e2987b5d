"""The notifications of one user: a page of them, how many are unread, and reading them."""

# ruff: noqa: S608 - parts of statements are ours; values only travel as parameters

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

import msgspec

from appliance.catalog import Page, Tx
from appliance.core import Invalid, now_ms

__all__ = ["Notification", "list_notifications", "mark_read", "unread_count"]

_MAX_LIMIT = 1000
_MINE = (
    "n.user_id = :user AND n.shown = 1 AND (:all OR n.project_id IS NULL"
    " OR n.project_id IN (SELECT value FROM json_each(:projects)))"
)


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One notification, as its user sees it."""

    key: str
    kind: str
    level: str
    project: str | None
    title: str
    text: str
    link: str
    n: int
    created_at: int
    updated_at: int
    read_at: int | None


def list_notifications(
    con: sqlite3.Connection,
    user_id: int,
    project_ids: Collection[int] | None,
    *,
    unread: bool = False,
    after: str | None = None,
    limit: int = 100,
) -> Page[Notification]:
    """Give one page of a user's notifications, newest first.

    Parameters
    ----------
    project_ids : collection of int, optional
        Projects that the user may see now; None: all.
    """
    which = f"{_MINE} AND (NOT :unread OR n.read_at IS NULL)"
    facts = {**_whose(user_id, project_ids), "unread": unread}
    n = max(1, min(limit, _MAX_LIMIT))
    at, row_id = _place(after)
    rows = con.execute(
        "SELECT n.*, p.name AS project FROM notifications n"
        f" LEFT JOIN projects p ON p.id = n.project_id WHERE {which}"
        " AND (n.updated_at, n.id) < (:at, :id) ORDER BY n.updated_at DESC, n.id DESC LIMIT :n",
        {**facts, "at": at, "id": row_id, "n": n + 1},
    ).fetchall()
    total = con.execute(f"SELECT count(*) FROM notifications n WHERE {which}", facts).fetchone()[0]
    last = rows[n - 1] if len(rows) > n else None
    following = None if last is None else f"{last['updated_at']}-{last['id']}"
    return Page([_view(row) for row in rows[:n]], following, int(total))


def unread_count(con: sqlite3.Connection, user_id: int, project_ids: Collection[int] | None) -> int:
    """Count what a user has not read."""
    row = con.execute(
        f"SELECT count(*) FROM notifications n WHERE {_MINE} AND n.read_at IS NULL",
        _whose(user_id, project_ids),
    ).fetchone()
    return int(row[0])


def mark_read(tx: Tx, user_id: int, keys: Sequence[str] | None, *, read: bool = True) -> int:
    """Mark notifications of a user as read; without keys all. Gives how many have changed.

    One that is to be unread again stays read while a newer one tells of the same thing.
    """
    which = "1" if keys is None else "key IN (SELECT value FROM json_each(:keys))"
    facts = {"user": user_id, "keys": json.dumps(list(keys or ())), "now": now_ms()}
    if read:
        changed = tx.con.execute(
            "UPDATE notifications SET read_at = :now"
            f" WHERE user_id = :user AND read_at IS NULL AND shown = 1 AND {which}",
            facts,
        ).rowcount
    else:
        changed = tx.con.execute(
            "UPDATE OR IGNORE notifications SET read_at = NULL"
            f" WHERE user_id = :user AND read_at IS NOT NULL AND shown = 1 AND {which}",
            facts,
        ).rowcount
    if changed:
        tx.event("notification.changed", user_id=user_id, kind="", level="")
    return int(changed)


def _whose(user_id: int, project_ids: Collection[int] | None) -> dict[str, object]:
    projects = json.dumps(sorted(project_ids or ()))
    return {"user": user_id, "all": project_ids is None, "projects": projects}


def _place(after: str | None) -> tuple[int, int]:
    if not after:
        return (1 << 62, 0)
    at, _, row_id = after.partition("-")
    if not (at.isdecimal() and row_id.isdecimal()):
        raise Invalid("the page cursor is damaged", hint="Start again from the first page.")
    return int(at), int(row_id)


def _view(row: sqlite3.Row) -> Notification:
    return Notification(**{name: row[name] for name in Notification.__struct_fields__})
