"""Users and what each may do in which project, as the API gives and takes them."""

from __future__ import annotations

import msgspec

from appliance.catalog import Grant
from appliance.web.schemas.base import Input

__all__ = ["ChangeUser", "MemberRow", "NewUser", "UserEntry"]


class NewUser(Input, frozen=True):
    """A user to be made; it logs in by a link that an administrator hands over."""

    login: str
    full_name: str = ""
    is_admin: bool = False


class ChangeUser(Input, frozen=True):
    """What is to change of a user; what is null stays."""

    full_name: str | None = None
    is_admin: bool | None = None
    disabled: bool | None = None


class UserEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A user; `grants` tells by project what it may do, unless it is an administrator."""

    id: int
    login: str
    full_name: str
    is_admin: bool
    disabled: bool
    created_at: str
    seen_at: str | None
    grants: dict[str, Grant]


class MemberRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user of a project."""

    login: str
    full_name: str
    disabled: bool
    grant: Grant
