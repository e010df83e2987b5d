"""Who calls: sessions, users and tokens."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.web.schemas.base import Input

__all__ = [
    "Login",
    "LoginLink",
    "NewToken",
    "Right",
    "SessionFacts",
    "Token",
    "TokenSecret",
    "User",
]

Right = Literal["reader", "editor", "batch", "download", "deanonym", "manage", "admin"]


class Login(Input, frozen=True):
    """A one-time login code, as printed by the service when it starts."""

    code: str


class LoginLink(msgspec.Struct, frozen=True):
    """A link that logs one browser in, once."""

    link: str


class User(msgspec.Struct, frozen=True):
    """The caller and what it may do."""

    login: str
    is_admin: bool
    rights: list[str]


class SessionFacts(msgspec.Struct, frozen=True):
    """The session of the caller; `csrf` goes into ``X-CSRF-Token`` of every unsafe request."""

    user: User
    csrf: str
    version: str
    project_default: str


class NewToken(Input, frozen=True):
    """A token to be made; without `rights` it may do what its owner may."""

    name: str
    rights: list[Right] = msgspec.field(default_factory=list)
    expires_at: str | None = None


class Token(msgspec.Struct, frozen=True):
    """A token of the caller; its secret is not kept."""

    id: int
    name: str
    rights: list[str]
    created_at: str
    expires_at: str | None


class TokenSecret(msgspec.Struct, frozen=True):
    """A new token with its secret, which is shown this once."""

    id: int
    name: str
    token: str
