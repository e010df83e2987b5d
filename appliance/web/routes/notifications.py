"""Routes of notifications: a user's own, what the user wants, and a test for administrators."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post, put
from litestar.params import FromQuery, JSONBody, QueryParameter

from appliance import upkeep
from appliance.upkeep import Profile
from appliance.web import noticing
from appliance.web.schemas.notifications import (
    ChannelTest,
    ChannelTested,
    MarkRead,
    NotificationPage,
    PreferencesAnswer,
    PreferencesInput,
    Unread,
)
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/notifications", right="reader", within="open", sync_to_thread=True)
def list_notifications(
    services: Rooms,
    who: Who,
    *,
    unread: FromQuery[bool] = False,
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> NotificationPage:
    """Give one page of the caller's own notifications, newest first."""
    return noticing.page(services, who, unread_only=unread, after=after, limit=limit)


@get("/notifications/unread", right="reader", within="open", sync_to_thread=True)
def count_unread(services: Rooms, who: Who) -> Unread:
    """Count what the caller has not read."""
    return Unread(noticing.unread(services, who))


@post("/notifications/read", right="reader", within="open", status_code=200, sync_to_thread=True)
def mark_read(services: Rooms, who: Who, data: JSONBody[MarkRead]) -> Unread:
    """Mark some or all of the caller's notifications as read, or as unread again."""
    services.catalog.write(lambda tx: upkeep.mark_read(tx, who.user_id, data.keys, read=data.read))
    return Unread(noticing.unread(services, who))


@get("/notifications/preferences", right="reader", within="open", sync_to_thread=True)
def show_preferences(services: Rooms, who: Who) -> PreferencesAnswer:
    """Give what the caller is told of, and how, with the channels that there are."""
    return noticing.preferences(services, who)


@put("/notifications/preferences", right="reader", within="open", sync_to_thread=True)
def put_preferences(
    services: Rooms, who: Who, data: JSONBody[PreferencesInput]
) -> PreferencesAnswer:
    """Say what the caller is told of, and how."""
    profile = Profile(email=data.email, choices=data.choices)
    services.catalog.write(lambda tx: upkeep.save_profile(tx, who.user_id, profile))
    return noticing.preferences(services, who)


@post("/notifications/test", right="admin", status_code=200, sync_to_thread=True)
def send_test(services: Rooms, who: Who, data: JSONBody[ChannelTest]) -> ChannelTested:
    """Send a test to the caller now; the answer comes when it was accepted or refused."""
    return ChannelTested(services.notifications.test(data.channel, who.user_id))


ROUTES = [
    list_notifications,
    count_unread,
    mark_read,
    show_preferences,
    put_preferences,
    send_test,
]
