"""Who hears of what: users, what they may read, and the channels that each has chosen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from appliance.catalog import ANY_LOGIN, Tx, grants_of
from appliance.core import Invalid, now_ms
from appliance.upkeep.notifications.kinds import CHANNELS, KINDS, Channel, Kind
from appliance.upkeep.notifications.news import News

__all__ = ["Person", "Profile", "everybody", "hears", "person", "profile_of", "save_profile"]

_MAX_EMAIL = 254
_USERS = (
    "SELECT u.id, u.login, u.is_admin, ifnull(p.email, '') AS email,"
    " ifnull(p.choices, '{}') AS choices FROM users u"
    " LEFT JOIN notification_profiles p ON p.user_id = u.id"
    " WHERE u.disabled_at IS NULL AND u.login <> ?"
)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a user has chosen: an address, and channels by kind; a kind left out has its default."""

    email: str = ""
    choices: dict[str, list[Channel]] = {}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user who can be told."""

    id: int
    login: str
    is_admin: bool
    profile: Profile
    grants: Mapping[int, frozenset[str]]

    def may_read(self, project_id: int | None) -> bool:
        """Whether it may know of a project."""
        if project_id is None or self.is_admin:
            return True
        return "reader" in self.grants.get(project_id, ())

    def manages(self, project_id: int | None) -> bool:
        """Whether it looks after a project."""
        if self.is_admin or project_id is None:
            return self.is_admin
        return "manage" in self.grants.get(project_id, ())

    def channels(self, kind: Kind, *, concerned: bool) -> frozenset[Channel]:
        """Give the channels of a kind; the default only holds for whom it concerns."""
        chosen = self.profile.choices.get(kind.id)
        if chosen is not None:
            return frozenset(chosen)
        return frozenset({"browser"} if kind.by_default and concerned else ())


def everybody(con: sqlite3.Connection) -> list[Person]:
    """Give all users who may log in."""
    return [_person(con, row) for row in con.execute(_USERS, (ANY_LOGIN,)).fetchall()]


def person(con: sqlite3.Connection, user_id: int) -> Person | None:
    """Give one user; None when it is disabled."""
    row = con.execute(f"{_USERS} AND u.id = ?", (ANY_LOGIN, user_id)).fetchone()
    return None if row is None else _person(con, row)


def hears(one: Person, news: News) -> frozenset[Channel]:
    """Give the channels by which a user is told; none: not at all."""
    kind = KINDS[news.kind]
    if not one.may_read(news.project_id) or (kind.audience == "admin" and not one.is_admin):
        return frozenset()
    own = one.login in news.owners
    if kind.audience == "owner":
        found = one.channels(kind, concerned=True) if own else frozenset[Channel]()
    else:
        found = one.channels(kind, concerned=own or one.manages(news.project_id))
    return found & {"browser"} if news.local else found


def profile_of(con: sqlite3.Connection, user_id: int) -> Profile:
    """Give what a user has chosen."""
    row = con.execute(
        "SELECT email, choices FROM notification_profiles WHERE user_id = ?", (user_id,)
    ).fetchone()
    return Profile() if row is None else _profile(row["email"], row["choices"])


def save_profile(tx: Tx, user_id: int, profile: Profile) -> Profile:
    """Keep what a user has chosen.

    Raises
    ------
    Invalid
        If the address is none, or a kind is unknown.
    """
    email = _address(profile.email)
    unknown = profile.choices.keys() - KINDS.keys()
    if unknown:
        raise Invalid(f"no kind of notification {min(unknown)!r}")
    choices = {kind: _in_order(chosen) for kind, chosen in profile.choices.items()}
    tx.con.execute(
        "INSERT INTO notification_profiles VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE"
        " SET email = excluded.email, choices = excluded.choices, updated_at = excluded.updated_at",
        (user_id, email, json.dumps(choices), now_ms()),
    )
    return Profile(email=email, choices=choices)


def _in_order(chosen: Iterable[Channel]) -> list[Channel]:
    wanted = set(chosen)
    return [channel for channel in CHANNELS if channel in wanted]


def _address(text: str) -> str:
    clean = text.strip()
    name, at, host = clean.rpartition("@")
    usable = clean.isascii() and clean.isprintable() and not any(c in ' ,;<>()"\\' for c in clean)
    if clean and not (usable and name and at and host and len(clean) <= _MAX_EMAIL):
        raise Invalid("that is no e-mail address", hint="Write it as name@host.")
    return clean


def _person(con: sqlite3.Connection, row: sqlite3.Row) -> Person:
    is_admin = bool(row["is_admin"])
    return Person(
        id=row["id"],
        login=row["login"],
        is_admin=is_admin,
        profile=_profile(row["email"], row["choices"]),
        grants={} if is_admin else grants_of(con, row["id"]),
    )


def _profile(email: str, choices: str) -> Profile:
    known: Sequence[tuple[str, list[Channel]]] = [
        (kind, channels) for kind, channels in json.loads(choices).items() if kind in KINDS
    ]
    return Profile(email=email, choices=dict(known))
