"""Admin tools about people: users, and what each may do in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.cli.call import Call
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import User

__all__ = ["create", "disable", "list_users", "set_rights"]

_RIGHTS = ("none", "read", "write", "batchtool", "download", "deanonym", "admin")


def list_users(call: Call) -> int:
    """List all users with their rights."""
    rows = []
    for user in call.client.users():
        kind = "admin" if user.is_admin else "disabled" if user.disabled else "user"
        rights = [f"{name}: {'+'.join(_told(grant))}" for name, grant in user.grants.items()]
        rows.append((user.login, user.full_name, kind, "; ".join(rights)))
    call.table(("login", "full_name", "kind", "rights"), rows)
    return 0


def create(call: Call) -> int:
    """Make a user and print the link that logs it in; with a project it may read that."""
    made = call.client.create_user(call.line.words[0])
    if "project" in call.line.options:
        _grant(call, made.login, ["read"])
    link = call.client.user_link(made.id)
    call.tell(link, {"login": made.login, "link": link})
    return 0


def disable(call: Call) -> int:
    """Log a user out for good; what it did stays in the history."""
    user = _find(call, call.line.words[0])
    call.tell(f"disabled {user.login}", call.client.change_user(user.id, disabled=True))
    return 0


def set_rights(call: Call) -> int:
    """Say what a user may do in the project of the call."""
    login, text = call.line.words
    rights = [right.strip() for right in text.split(",") if right.strip()]
    odd = [right for right in rights if right not in _RIGHTS]
    if odd or not rights:
        raise Invalid(f"no right {''.join(odd[:1])!r}", hint=f"Known are {', '.join(_RIGHTS)}.")
    _grant(call, login, rights)
    call.tell(f"{login}: {'+'.join(rights)}", {"login": login, "rights": rights})
    return 0


def _grant(call: Call, login: str, rights: list[str]) -> None:
    from appliance.client import Grant

    if "none" in rights:
        call.client.set_member(call.project, login, None)
        return
    grant = Grant(
        role="admin" if "admin" in rights else "user",
        readonly="write" not in rights and "admin" not in rights,
        batchtool="batchtool" in rights,
        download="download" in rights,
        deanonym="deanonym" in rights,
    )
    call.client.set_member(call.project, login, grant)


def _find(call: Call, login: str) -> User:
    for user in call.client.users():
        if user.login == login:
            return user
    raise NotFound(f"no user {login!r}")


def _told(grant: object) -> list[str]:
    if getattr(grant, "role", "") == "admin":
        return ["admin"]
    write = [] if getattr(grant, "readonly", True) else ["write"]
    more = ("batchtool", "download", "deanonym")
    return ["read", *write, *(name for name in more if getattr(grant, name, False))]
