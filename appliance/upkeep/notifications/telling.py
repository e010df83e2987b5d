"""Writes notifications down for those who hear of them, with the deliveries that they ask for."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from appliance.catalog import Tx
from appliance.core import NotificationSettings, new_key, now_ms
from appliance.upkeep.notifications.kinds import OUTSIDE, Channel
from appliance.upkeep.notifications.news import News
from appliance.upkeep.notifications.people import Person, everybody, hears

__all__ = ["tell_all"]

_MINUTE_MS = 60_000


def tell_all(
    tx: Tx, news: Iterable[News], settings: NotificationSettings, ready: Collection[Channel]
) -> None:
    """Write down all news, in their transaction.

    Parameters
    ----------
    ready : collection of Channel
        Channels that leave the machine and are configured.
    """
    told, teller = list(news), _Teller(tx, settings, ready)
    people = everybody(tx.con) if told else []
    for one in told:
        for person in people:
            teller.tell(person, one, hears(person, one))


class _Teller:
    """Writes down what is told, in one transaction."""

    def __init__(self, tx: Tx, settings: NotificationSettings, ready: Collection[Channel]) -> None:
        self._tx, self._settings, self._ready = tx, settings, ready

    def tell(self, person: Person, news: News, channels: Collection[Channel]) -> None:
        """Tell one user of one thing."""
        outside = [c for c in OUTSIDE if c in channels and c in self._ready]
        if "email" in outside and not person.profile.email:
            outside.remove("email")
        shown = "browser" in channels
        if not shown and not outside:
            return
        before = self._unread(person.id, news)
        shows = shown or bool(before and before["shown"])
        row_id = self._write(person.id, news, before, shown=shows)
        for channel in outside:
            same = before is not None and before["kind"] == news.kind
            self._deliver(row_id, (person.id, news.about, channel), calm=same)
        if shown:
            facts = {"kind": news.kind, "level": news.level}
            self._tx.event("notification.changed", user_id=person.id, **facts)

    def _unread(self, user_id: int, news: News) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._tx.con.execute(
            "SELECT * FROM notifications WHERE user_id = ? AND about = ? AND read_at IS NULL",
            (user_id, news.about),
        ).fetchone()
        return row

    def _write(self, user_id: int, news: News, before: sqlite3.Row | None, *, shown: bool) -> int:
        """Write a notification, or change the one about the same that nobody has read yet."""
        n = news.n + (before["n"] if before is not None and before["kind"] == news.kind else 0)
        (title, text), now = news.say(n), now_ms()
        facts = (news.kind, news.level, news.project_id, title, text, news.link(n), n, shown, now)
        if before is not None:
            self._tx.con.execute(
                "UPDATE notifications SET kind = ?, level = ?, project_id = ?, title = ?,"
                " text = ?, link = ?, n = ?, shown = ?, updated_at = ? WHERE id = ?",
                (*facts, before["id"]),
            )
            return int(before["id"])
        cursor = self._tx.con.execute(
            "INSERT INTO notifications (key, user_id, about, kind, level, project_id, title,"
            " text, link, n, shown, updated_at, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (new_key(), user_id, news.about, *facts, now),
        )
        return int(cursor.lastrowid or 0)

    def _deliver(self, row_id: int, to: tuple[int, str, Channel], *, calm: bool) -> None:
        """Ask for a delivery, unless one waits; soon again only if it tells of something else."""
        now = now_ms()
        due = now + int(self._settings.digest_s * 1000)
        if calm:
            (last,) = self._tx.con.execute(
                "SELECT max(updated_at) FROM notification_deliveries"
                " WHERE user_id = ? AND about = ? AND channel = ? AND state = 'sent'",
                to,
            ).fetchone()
            due = max(due, (last or 0) + int(self._settings.calm_minutes * _MINUTE_MS))
        self._tx.con.execute(
            "INSERT INTO notification_deliveries (key, notification_id, user_id, about, channel,"
            " due_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (notification_id, channel) WHERE state = 'waiting' DO NOTHING",
            (new_key(), row_id, *to, due, now, now),
        )
