"""Deliveries: messages that leave the machine, each tried until it is accepted or given up."""

# ruff: noqa: S608 - parts of statements are ours; values only travel as parameters

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence

import msgspec

from appliance.catalog import Catalog, Tx
from appliance.core import ApplianceError, NotificationSettings, now_ms
from appliance.upkeep.notifications.kinds import OUTSIDE, Channel
from appliance.upkeep.notifications.outside import GivenUp, Message, ready_channels, send
from appliance.upkeep.notifications.people import Person, person

__all__ = ["ChannelState", "Deliveries", "channel_states", "due_deliveries", "send_again"]

_LOG = logging.getLogger(__name__)
_HOUR_MS = 3_600_000
_ROW = (
    "SELECT d.*, n.kind, n.level, n.title, n.text, n.link, n.n, n.project_id,"
    " n.updated_at AS told_at, p.name AS project FROM notification_deliveries d"
    " JOIN notifications n ON n.id = d.notification_id"
    " LEFT JOIN projects p ON p.id = n.project_id WHERE d.id = ?"
)
_SINCE_SUCCESS = (
    "updated_at > ifnull((SELECT max(updated_at) FROM notification_deliveries"
    " WHERE state = 'sent' AND channel = ?1), 0) AND updated_at > ifnull((SELECT at FROM"
    " notification_seen WHERE what = 'tested:' || ?1), 0)"
)


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """How the deliveries of a channel go.

    Attributes
    ----------
    n_failed : int
        Given up since the last one that was accepted.
    n_late : int
        That wait after more than one attempt.
    why : str
        Why the last of these was not accepted.
    """

    channel: Channel
    n_waiting: int
    n_late: int
    n_failed: int
    sent_at: int | None
    why: str


class Deliveries:
    """Does deliveries, one at a time and channel.

    Parameters
    ----------
    catalog, settings
        The objects of the appliance.
    link_url : str
        What links begin with.
    """

    def __init__(self, catalog: Catalog, settings: NotificationSettings, link_url: str) -> None:
        self._catalog, self._settings, self._link_url = catalog, settings, link_url

    def deliver(self, delivery_id: int) -> None:
        """Do one, if it is due; done twice it is sent once, unless the process ended in between."""
        with self._catalog.read() as con:
            row = con.execute(_ROW, (delivery_id,)).fetchone()
            if row is None or row["state"] != "waiting" or row["due_at"] > now_ms():
                return None
            to = person(con, row["user_id"])
        problem = self._problem(row, to)
        if problem or to is None:
            return self._close(row, "dropped", problem)
        try:
            send(self._settings, row["channel"], self._message(row, to))
        except GivenUp as error:
            self._close(row, "failed", error.message)
        except ApplianceError as error:
            self._again(row, error)
        else:
            self._close(row, "sent", "")

    def message(self, key: str, to: Person, at: int) -> Message:
        """Compose the message of a test."""
        return Message(
            key=key,
            kind="test",
            level="info",
            title="A test of the notifications",
            text="Whoever reads this is reached.",
            link=self._link_url,
            n=1,
            project=None,
            user=to.login,
            to=to.profile.email,
            at=at,
        )

    def _message(self, row: sqlite3.Row, to: Person) -> Message:
        same = ("key", "kind", "level", "title", "text", "n", "project")
        return Message(
            **{name: row[name] for name in same},
            link=f"{self._link_url}{row['link']}",
            user=to.login,
            to=to.profile.email,
            at=row["told_at"],
        )

    def _problem(self, row: sqlite3.Row, to: Person | None) -> str:
        if to is None:
            return "the user is disabled"
        if not to.may_read(row["project_id"]):
            return "the user may no longer read the project"
        if row["channel"] not in ready_channels(self._settings):
            return "the channel is not configured any more"
        return "" if row["channel"] != "email" or to.profile.email else "the user has no address"

    def _again(self, row: sqlite3.Row, error: ApplianceError) -> None:
        n = row["attempts"] + 1
        if n >= self._settings.attempts:
            return self._close(row, "failed", f"given up after {n} attempts: {error.message}")
        wait = min(self._settings.retry_s * 1000 * 4 ** (n - 1), _HOUR_MS)
        now = now_ms()
        values = (n, now + int(wait), error.message, now, row["id"])
        self._catalog.write(
            lambda tx: tx.con.execute(
                "UPDATE notification_deliveries SET attempts = ?, due_at = ?, why = ?,"
                " updated_at = ? WHERE id = ? AND state = 'waiting'",
                values,
            )
        )
        _LOG.info("a notification by %s waits: %s", row["channel"], error.message)
        return None

    def _close(self, row: sqlite3.Row, state: str, why: str) -> None:
        now = now_ms()

        def write(tx: Tx) -> None:
            tx.con.execute(
                "UPDATE notification_deliveries SET state = ?, why = ?, attempts = attempts + ?,"
                " updated_at = ? WHERE id = ? AND state = 'waiting'",
                (state, why, state != "dropped", now, row["id"]),
            )
            tx.con.execute(  # what is shown nowhere has been told now; the next one begins anew
                "UPDATE notifications SET read_at = ? WHERE id = ? AND shown = 0",
                (now, row["notification_id"]),
            )

        self._catalog.write(write)
        if state == "failed":
            _LOG.warning("a notification by %s was given up: %s", row["channel"], why)


def due_deliveries(con: sqlite3.Connection) -> tuple[list[tuple[Channel, int]], int | None]:
    """Give for each channel the delivery that is due, and when the next one will be."""
    now, found, later = now_ms(), [], []
    for channel in OUTSIDE:
        row = con.execute(
            "SELECT id, due_at FROM notification_deliveries WHERE state = 'waiting'"
            " AND channel = ? ORDER BY due_at, id LIMIT 1",
            (channel,),
        ).fetchone()
        if row is not None and row["due_at"] <= now:
            found.append((channel, int(row["id"])))
        elif row is not None:
            later.append(int(row["due_at"]))
    return found, min(later, default=None)


def channel_states(con: sqlite3.Connection) -> list[ChannelState]:
    """Tell how the deliveries of each channel go."""
    return [_state(con, channel) for channel in OUTSIDE]


def _state(con: sqlite3.Connection, channel: Channel) -> ChannelState:
    table = "FROM notification_deliveries WHERE channel = ?1 AND state ="
    waiting, late = con.execute(
        f"SELECT count(*), ifnull(sum(attempts > 1), 0) {table} 'waiting'", (channel,)
    ).fetchone()
    failed, last = con.execute(
        f"SELECT count(*), max(updated_at) {table} 'failed' AND {_SINCE_SUCCESS}", (channel,)
    ).fetchone()
    (sent_at,) = con.execute(f"SELECT max(updated_at) {table} 'sent'", (channel,)).fetchone()
    why = con.execute(
        "SELECT why FROM notification_deliveries WHERE channel = ? AND state IN"
        " ('failed', 'waiting') AND why <> '' ORDER BY updated_at DESC LIMIT 1",
        (channel,),
    ).fetchone()
    return ChannelState(
        channel=channel,
        n_waiting=waiting,
        n_late=late,
        n_failed=failed,
        sent_at=sent_at,
        why=why[0] if why and (last or late) else "",
    )


def send_again(tx: Tx, channels: Sequence[Channel] = OUTSIDE) -> int:
    """Try again, from the first attempt, what was given up or waits; gives how many."""
    n = 0
    for channel in channels:
        n += tx.con.execute(
            "UPDATE OR IGNORE notification_deliveries SET state = 'waiting', attempts = 0,"
            " due_at = ?2, updated_at = ?2 WHERE channel = ?1 AND (state = 'waiting' AND"
            f" attempts > 0 OR state = 'failed' AND {_SINCE_SUCCESS})",
            (channel, now_ms()),
        ).rowcount
    tx.event("notification.due")
    return n
