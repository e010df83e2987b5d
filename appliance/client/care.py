"""The part of the client that asks who we are, how the service is, and what changes."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import msgspec

from appliance.client.base import Base, Items
from appliance.client.rows import Backup, Event, FixDone, Health, Session
from appliance.core import PeerError

__all__ = ["CareCalls"]


class _User(msgspec.Struct):
    login: str
    is_admin: bool
    rights: list[str]


class _Session(msgspec.Struct):
    user: _User
    version: str
    project_default: str


class _Setting(msgspec.Struct):
    key: str
    value: Any


class _Unread(msgspec.Struct):
    unread: int


class _Link(msgspec.Struct):
    link: str


class CareCalls(Base):
    """Session, health, backups, events."""

    def session(self) -> Session:
        """Tell who the service takes us for."""
        found = self._get("/session", _Session)
        user = found.user
        return Session(user.login, user.is_admin, user.rights, found.version, found.project_default)

    def login_link(self) -> str:
        """Make a one-time login link for a browser."""
        return self._post("/login-links", _Link).link

    def settings(self) -> dict[str, Any]:
        """Tell the settings that the service works with, by key; for administrators."""
        return {one.key: one.value for one in self._get("/settings", Items[_Setting]).items}

    def health(self) -> Health:
        """Run all health checks."""
        return self._get("/health", Health)

    def fix(self, fix_id: str) -> FixDone:
        """Do a repair that a check offered."""
        return self._post(f"/health/fixes/{fix_id}", FixDone)

    def unread_notifications(self) -> int:
        """Count our own notifications that nobody has read."""
        return self._get("/notifications/unread", _Unread).unread

    def backup(self) -> Backup:
        """Make a backup, and wait until it is verified."""
        return self._post("/backups", Backup)

    def backups(self) -> list[Backup]:
        """List the backups, newest first."""
        return self._get("/backups", Items[Backup]).items

    def events(self, since: int | None = None) -> Generator[Event, None, None]:
        """Give every change, for ever; after a break those that were missed come first.

        Close the generator to hang up.
        """
        place = since
        while True:
            try:
                for event in self._transport.events(place):
                    place = event.seq
                    yield event
            except PeerError:
                if place is None:
                    raise
                time.sleep(1.0)
