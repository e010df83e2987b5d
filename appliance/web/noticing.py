"""Turns notifications, preferences and channels into what the API gives."""

from __future__ import annotations

import msgspec

from appliance import upkeep
from appliance.catalog import Caller
from appliance.core import iso
from appliance.upkeep import KINDS, Kind, Profile
from appliance.web.schemas.notifications import (
    ChannelReport,
    NotificationChoice,
    NotificationPage,
    NotificationRow,
    PreferencesAnswer,
)
from appliance.web.scope import visible
from appliance.web.services import Services
from appliance.web.views import maybe_iso

__all__ = ["page", "preferences", "unread"]


def page(
    services: Services, who: Caller, *, unread_only: bool, after: str | None, limit: int
) -> NotificationPage:
    """Give one page of the caller's own notifications."""
    with services.catalog.read() as con:
        seen = who.user_id, visible(who)
        found = upkeep.list_notifications(con, *seen, unread=unread_only, after=after, limit=limit)
        return NotificationPage(
            items=[_row(one) for one in found.items],
            next=found.next,
            total=found.total,
            unread=upkeep.unread_count(con, *seen),
        )


def unread(services: Services, who: Caller) -> int:
    """Count what the caller has not read."""
    with services.catalog.read() as con:
        return upkeep.unread_count(con, who.user_id, visible(who))


def preferences(services: Services, who: Caller) -> PreferencesAnswer:
    """Give what the caller wants, and the channels that there are."""
    with services.catalog.read() as con:
        profile = upkeep.profile_of(con, who.user_id)
    kinds = [kind for kind in KINDS.values() if kind.audience != "admin" or who.everywhere]
    return PreferencesAnswer(
        email=profile.email,
        kinds=[_choice(kind, profile, who) for kind in kinds],
        channels=_channels(services, who),
    )


def _row(one: upkeep.Notification) -> NotificationRow:
    facts = msgspec.structs.asdict(one)
    times = {
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "read_at": maybe_iso(one.read_at),
    }
    return NotificationRow(**{**facts, **times})


def _choice(kind: Kind, profile: Profile, who: Caller) -> NotificationChoice:
    chosen = profile.choices.get(kind.id)
    concerned = kind.audience != "project" or who.everywhere or _manages(who)
    usual: list[upkeep.Channel] = ["browser"] if kind.by_default and concerned else []
    return NotificationChoice(
        kind=kind.id,
        title=kind.title,
        channels=usual if chosen is None else chosen,
        chosen=chosen is not None,
    )


def _manages(who: Caller) -> bool:
    return any("manage" in rights for rights in who.grants.values())


def _channels(services: Services, who: Caller) -> list[ChannelReport]:
    infos = services.notifications.channels()
    if not who.everywhere:
        return [ChannelReport(channel=info.channel, state=info.state) for info in infos]
    states = {state.channel: state for state in services.notifications.channel_states()}
    return [
        ChannelReport(
            channel=info.channel,
            state=info.state,
            problem=info.problem,
            n_waiting=states[info.channel].n_waiting,
            n_failed=states[info.channel].n_failed,
            sent_at=maybe_iso(states[info.channel].sent_at),
            why=states[info.channel].why,
        )
        for info in infos
    ]
