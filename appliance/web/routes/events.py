"""The stream of changes, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from litestar import Request, get
from litestar.datastructures import State
from litestar.params import FromQuery, HeaderParameter
from litestar.response import Stream

from appliance.catalog import Caller
from appliance.web.hub import EventHub
from appliance.web.scope import visible

__all__ = ["ROUTES"]

LastSeen = Annotated[str | None, HeaderParameter(name="Last-Event-ID")]


@get("/events", right="reader", within="handler", media_type="text/event-stream")
async def stream_events(
    request: Request[Caller, str, State],
    last_event_id: LastSeen = None,
    since: FromQuery[int | None] = None,
) -> Stream:
    """Send every change as it happens; replay those after `Last-Event-ID` or `since` first."""
    hub: EventHub = request.app.state.hub
    seen = (last_event_id or "").strip()
    place = int(seen) if seen.isascii() and seen.isdigit() else since
    found = hub.stream(place, visible(request.user), user_id=request.user.user_id)
    return Stream(found, media_type="text/event-stream")


ROUTES = [stream_events]
