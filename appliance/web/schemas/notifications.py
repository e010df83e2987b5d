"""Notifications, what users want of them, and channels, as the API gives and takes them."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.upkeep import Channel
from appliance.web.schemas.base import Input

__all__ = [
    "ChannelReport",
    "ChannelTest",
    "ChannelTested",
    "MarkRead",
    "NotificationChoice",
    "NotificationPage",
    "NotificationRow",
    "PreferencesAnswer",
    "PreferencesInput",
    "Unread",
]


class NotificationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One notification; `n` is how many events it stands for."""

    key: str
    kind: str
    level: Literal["info", "warning", "error"]
    project: str | None
    title: str
    text: str
    link: str
    n: int
    created_at: str
    updated_at: str
    read_at: str | None


class NotificationPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some notifications, newest first, and how many are unread in all."""

    items: list[NotificationRow]
    next: str | None
    total: int
    unread: int


class Unread(msgspec.Struct, frozen=True):
    """How many notifications are unread."""

    unread: int


class MarkRead(Input, frozen=True):
    """Which notifications are read, or unread again; null: all."""

    keys: list[str] | None = None
    read: bool = True


class NotificationChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A kind, and the channels that are in force for it; `chosen` tells whether the user did."""

    kind: str
    title: str
    channels: list[Channel]
    chosen: bool


class ChannelReport(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that leaves the machine; numbers and problems are told to administrators."""

    channel: Channel
    state: Literal["off", "ready", "wrong"]
    problem: str = ""
    n_waiting: int = 0
    n_failed: int = 0
    sent_at: str | None = None
    why: str = ""


class PreferencesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a user wants."""

    email: str
    kinds: list[NotificationChoice]
    channels: list[ChannelReport]


class PreferencesInput(Input, frozen=True):
    """What a user wants; a kind left out has its default."""

    email: str = ""
    choices: dict[str, list[Channel]] = msgspec.field(default_factory=dict)


class ChannelTest(Input, frozen=True):
    """The channel to test."""

    channel: Literal["email", "webhook"]


class ChannelTested(msgspec.Struct, frozen=True):
    """Where a test went."""

    text: str
