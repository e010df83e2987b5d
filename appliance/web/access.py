"""Who is calling and may they: credentials to a `Caller`, and one guard for all routes.

Every route of the API names the right it needs (``right="reader"``); one without is refused. A
user who is no administrator needs it in the project that the request is about; a route that does
not say which project that is (see `scope.where_of`) is closed to such users. ``job=True`` opens a
route to the token of a running job.
"""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from appliance.catalog import Caller, Catalog, find_session, find_token
from appliance.core import Refused
from appliance.web.peers import peer_is_us
from appliance.web.problems import LoginNeeded, TooManyAttempts
from appliance.web.scope import changes_project, check_open, check_within, rights_of, where_of

__all__ = [
    "COOKIE",
    "CallerCache",
    "Identify",
    "LoginLimiter",
    "authorize",
    "caller_of",
]

COOKIE = "nora_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CACHE_S, _CACHE_SIZE = 15.0, 256
_Find = Callable[[sqlite3.Connection, str], Caller | None]


class CallerCache:
    """Remembers for some seconds who a secret belongs to; spares a query per request.

    Tokens of jobs are left out, because the scheduler revokes them without telling us.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[_Find, str], tuple[float, Caller]] = {}

    def get(self, find: _Find, secret: str) -> Caller | None:
        """Give a remembered caller."""
        entry = self._entries.get((find, secret))
        return entry[1] if entry and entry[0] > time.monotonic() else None

    def put(self, find: _Find, secret: str, caller: Caller) -> None:
        """Remember a caller."""
        if len(self._entries) >= _CACHE_SIZE:
            self._entries.clear()
        self._entries[find, secret] = (time.monotonic() + _CACHE_S, caller)

    def forget(self) -> None:
        """Forget all, because a session or a token has ended."""
        self._entries.clear()


class LoginLimiter:
    """Allows some login attempts a minute from all callers together.

    Parameters
    ----------
    attempts : int
        Failed attempts within `window_s` after which all have to wait.
    """

    def __init__(self, attempts: int = 10, window_s: float = 60.0) -> None:
        self._attempts, self._window_s = attempts, window_s
        self._failed: deque[float] = deque(maxlen=attempts)

    def check(self) -> None:
        """Refuse when too many attempts failed.

        Raises
        ------
        TooManyAttempts
            Until the window has passed.
        """
        recent = [at for at in self._failed if at > time.monotonic() - self._window_s]
        if len(recent) >= self._attempts:
            raise TooManyAttempts("too many logins failed", hint="Wait a minute, then try again.")

    def failed(self) -> None:
        """Count a failed attempt."""
        self._failed.append(time.monotonic())


class Identify(ASGIMiddleware):
    """Finds out who is calling and leaves it in the scope; refuses nobody."""

    scopes = (ScopeType.HTTP, ScopeType.ASGI)

    def __init__(self, catalog: Catalog, cache: CallerCache) -> None:
        self._catalog = catalog
        self._cache = cache

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Set ``scope["user"]`` to the caller or None; ``scope["auth"]`` tells by what."""
        scope["user"], scope["auth"] = await self._identify(scope)
        await next_app(scope, receive, send)

    async def _identify(self, scope: Scope) -> tuple[Caller | None, str]:
        request = Request[Any, Any, Any](scope)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return await self._caller(find_token, token.strip()), "token"
        if peer_is_us(scope):
            return _OWNER, "socket"
        secret = request.cookies.get(COOKIE)
        return (await self._caller(find_session, secret), "session") if secret else (None, "")

    async def _caller(self, find: _Find, secret: str) -> Caller | None:
        known = self._cache.get(find, secret)
        if known is not None:
            return known
        caller = await asyncio.to_thread(self._look_up, find, secret)
        if caller is not None and caller.job_key is None:
            self._cache.put(find, secret, caller)
        return caller

    def _look_up(self, find: _Find, secret: str) -> Caller | None:
        with self._catalog.read() as con:
            return find(con, secret)


def caller_of(request: Request[Caller, str, Any]) -> Caller:
    """Give the caller that the guard has let pass."""
    return request.user


async def authorize(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Let a request pass if its caller has the right that the route names.

    A coroutine, although it mostly waits for nothing: a plain guard is run in a thread.

    Raises
    ------
    LoginNeeded
        If the caller is unknown.
    Refused
        If it lacks the right, or a browser's request lacks the CSRF token.
    NotFound
        If the request is about a project that the caller may not see.
    Conflict
        If it would change a project that is in the archive or the trash.
    """
    if handler.opt.get("public"):
        return
    caller: Caller | None = connection.scope["user"]
    if caller is None:
        raise LoginNeeded(
            "log in first", hint="Run 'nora login' on the machine and open the link it prints."
        )
    _check_right(caller, handler)
    caller = msgspec.structs.replace(caller, asked=handler.opt["right"])
    connection.scope["user"] = caller
    if connection.scope["auth"] == "session" and connection.scope.get("method") not in _SAFE:
        _check_csrf(caller, connection.headers.get("x-csrf-token", ""))
    if caller.job_key is not None or not caller.everywhere:
        await _check_project(caller, connection, handler)
    if changes_project(connection, handler):
        await asyncio.to_thread(_look_open, connection, str(where_of(handler)))


def _check_right(caller: Caller, handler: BaseRouteHandler) -> None:
    right = handler.opt.get("right")
    if right not in rights_of(caller):
        raise Refused(f"this needs the right {right!r}", hint="Ask the owner of the appliance.")
    if caller.scope == "job" and not handler.opt.get("job"):
        raise Refused("the token of a job does not open this")


async def _check_project(
    caller: Caller, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    where = where_of(handler)
    if where is None:
        raise Refused("this is for administrators", hint="Ask the owner of the appliance.")
    if where in ("open", "handler"):
        return
    await asyncio.to_thread(_look_within, caller, connection, where)


def _look_within(
    caller: Caller, connection: ASGIConnection[Any, Any, Any, Any], where: str
) -> None:
    catalog: Catalog = connection.app.state.services.catalog
    with catalog.read() as con:
        check_within(con, caller, connection, where)


def _look_open(connection: ASGIConnection[Any, Any, Any, Any], where: str) -> None:
    catalog: Catalog = connection.app.state.services.catalog
    with catalog.read() as con:
        check_open(con, connection, where)


def _check_csrf(caller: Caller, sent: str) -> None:
    if not hmac.compare_digest(caller.csrf.encode(), sent.encode()):
        raise Refused("the page's security token is missing or old", hint="Reload the page.")


_OWNER = Caller(user_id=1, login="owner", is_admin=True, everywhere=True)
