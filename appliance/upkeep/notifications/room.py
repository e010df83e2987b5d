"""The face of notifications for the rest of the appliance: start, stop, preferences and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from appliance.catalog import Catalog
from appliance.core import Conflict, Invalid, NotFound, Settings, new_key, now_ms
from appliance.upkeep.notifications.deliveries import ChannelState, Deliveries, channel_states
from appliance.upkeep.notifications.kinds import OUTSIDE, Channel
from appliance.upkeep.notifications.notifier import Notifier
from appliance.upkeep.notifications.outside import send, trouble
from appliance.upkeep.notifications.people import person

if TYPE_CHECKING:
    from appliance.jobs import Queue

__all__ = ["ChannelInfo", "Notifications"]


class ChannelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that leaves the machine: ``off``, ``ready`` or ``wrong`` with what is wrong."""

    channel: Channel
    state: Literal["off", "ready", "wrong"]
    problem: str = ""


class Notifications:
    """All of the notifications of one appliance.

    Parameters
    ----------
    catalog, queue, settings
        The objects of the appliance.
    titles : mapping of str to str
        Titles of the health checks.
    url : str
        Address of the web server; ``notifications.link_url`` comes before it.
    """

    def __init__(
        self,
        catalog: Catalog,
        queue: Queue,
        settings: Settings,
        *,
        titles: Mapping[str, str],
        url: str,
    ) -> None:
        self._catalog, self._settings = catalog, settings.notifications
        link_url = (self._settings.link_url or url).rstrip("/")
        self._deliveries = Deliveries(catalog, self._settings, link_url)
        self.notifier = Notifier(catalog, queue, self._settings, self._deliveries, titles)

    def start(self) -> None:
        """Begin to look at events."""
        self.notifier.start()

    def stop(self) -> None:
        """End."""
        self.notifier.stop()

    def channels(self) -> list[ChannelInfo]:
        """Tell which channels leave the machine; nobody is asked for it."""
        return [self._info(channel) for channel in OUTSIDE]

    def channel_states(self) -> list[ChannelState]:
        """Tell how deliveries go."""
        with self._catalog.read() as con:
            return channel_states(con)

    def test(self, channel: Channel, user_id: int) -> str:
        """Send a test to a user now, and say where it went.

        Raises
        ------
        Conflict
            If the channel is off, or the user has no address.
        PeerError
            If it was not accepted.
        """
        if channel not in OUTSIDE:
            raise Invalid(f"{channel} is no channel that leaves the machine")
        with self._catalog.read() as con:
            to = person(con, user_id)
        if to is None:
            raise NotFound("no such user")
        if trouble(self._settings, channel) is None:
            key = "smtp_host" if channel == "email" else "webhook_url"
            raise Conflict(f"{channel} is off", hint=f"Set notifications.{key}, then restart.")
        if channel == "email" and not to.profile.email:
            raise Conflict("you have no address yet", hint="Write it into your preferences.")
        at = now_ms()
        send(self._settings, channel, self._deliveries.message(new_key(), to, at))
        self._catalog.write(
            lambda tx: tx.con.execute(
                "INSERT INTO notification_seen VALUES (?, 'ok', ?) ON CONFLICT (what)"
                " DO UPDATE SET at = excluded.at",
                (f"tested:{channel}", now_ms()),
            )
        )
        where = to.profile.email if channel == "email" else "the webhook"
        return f"Accepted for {where}."

    def _info(self, channel: Channel) -> ChannelInfo:
        problem = trouble(self._settings, channel)
        if problem is None:
            return ChannelInfo(channel=channel, state="off")
        return ChannelInfo(channel=channel, state="wrong" if problem else "ready", problem=problem)
