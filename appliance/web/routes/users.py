"""Routes of users, and of what each may do in which project."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody

from appliance import catalog
from appliance.catalog import Grant
from appliance.core import iso
from appliance.web.access import CallerCache
from appliance.web.schemas import Items, LoginLink
from appliance.web.schemas.users import ChangeUser, MemberRow, NewUser, UserEntry
from appliance.web.services import Rooms, Services, Who
from appliance.web.views import login_url, maybe_iso

__all__ = ["ROUTES"]

_LINK_MS = 7 * 86_400_000


@get("/users", right="admin", sync_to_thread=True)
def list_users(services: Rooms) -> Items[UserEntry]:
    """List all users with what each may do."""
    with services.catalog.read() as con:
        return Items([_entry(user) for user in catalog.list_users(con)])


@post("/users", right="admin", sync_to_thread=True)
def create_user(services: Rooms, who: Who, data: JSONBody[NewUser]) -> UserEntry:
    """Make a user."""
    facts = msgspec.structs.asdict(data)
    return _entry(
        services.catalog.write(lambda tx: catalog.create_user(tx, **facts, actor=who.login))
    )


@patch("/users/{user_id:int}", right="admin", sync_to_thread=True)
def change_user(
    services: Rooms,
    who: Who,
    request: Request[Any, Any, Any],
    user_id: FromPath[int],
    data: JSONBody[ChangeUser],
) -> UserEntry:
    """Change a user; a disabled one is logged out at once. The last administrator stays."""
    facts = msgspec.structs.asdict(data)
    changed = services.catalog.write(
        lambda tx: catalog.change_user(tx, user_id, **facts, actor=who.login)
    )
    _forget_callers(request)
    return _entry(changed)


@post("/users/{user_id:int}/login-link", right="admin", sync_to_thread=True)
def make_user_link(services: Rooms, user_id: FromPath[int]) -> LoginLink:
    """Make a link that logs this user in, once, within a week."""

    def issue(tx: catalog.Tx) -> str:
        login = catalog.find_user(tx.con, user_id).login
        return catalog.issue_login_code(tx, login, lasts_ms=_LINK_MS)

    return LoginLink(login_url(services.settings, services.catalog.write(issue)))


@get("/projects/{project:str}/members", right="manage", sync_to_thread=True)
def list_members(services: Rooms, project: FromPath[str]) -> Items[MemberRow]:
    """List the users of a project with their rights."""
    with services.catalog.read() as con:
        found = catalog.list_members(con, catalog.get_project(con, project).id)
    return Items([msgspec.convert(one, MemberRow, from_attributes=True) for one in found])


@put(
    "/projects/{project:str}/members/{login:str}",
    right="manage",
    archived=True,
    status_code=204,
    sync_to_thread=True,
)
def put_member(
    services: Rooms,
    who: Who,
    request: Request[Any, Any, Any],
    *,
    project: FromPath[str],
    login: FromPath[str],
    data: JSONBody[Grant],
) -> None:
    """Say what a user may do in a project; ``<ANY>`` stands for every user."""
    _set_grant(services, project, login, data, who.login)
    _forget_callers(request)


@delete(
    "/projects/{project:str}/members/{login:str}",
    right="manage",
    archived=True,
    status_code=204,
    sync_to_thread=True,
)
def remove_member(
    services: Rooms,
    who: Who,
    request: Request[Any, Any, Any],
    project: FromPath[str],
    login: FromPath[str],
) -> None:
    """Take a user out of a project."""
    _set_grant(services, project, login, None, who.login)
    _forget_callers(request)


def _set_grant(
    services: Services, project: str, login: str, grant: Grant | None, actor: str
) -> None:
    def write(tx: catalog.Tx) -> None:
        project_id = catalog.get_project(tx.con, project).id
        catalog.set_grant(tx, login, project_id, grant, actor=actor)

    services.catalog.write(write)


def _entry(user: catalog.UserRow) -> UserEntry:
    facts = msgspec.structs.asdict(user)
    times = {"created_at": iso(user.created_at), "seen_at": maybe_iso(user.seen_at)}
    return UserEntry(**{**facts, **times})


def _forget_callers(request: Request[Any, Any, Any]) -> None:
    cache: CallerCache = request.app.state.caller_cache
    cache.forget()


ROUTES = [
    list_users,
    create_user,
    change_user,
    make_user_link,
    list_members,
    put_member,
    remove_member,
]
