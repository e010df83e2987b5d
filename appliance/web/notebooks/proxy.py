"""Passes requests and web sockets of a logged-in user on to that user's notebook."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

import httpx
from litestar.types import Receive, Send

from appliance.catalog import Caller, find_session
from appliance.core import ApplianceError
from appliance.web.access import COOKIE
from appliance.web.gate import is_allowed_host
from appliance.web.notebooks.pages import show_page
from appliance.web.notebooks.sockets import Reach, Wanted, pass_socket
from appliance.web.scope import rights_of
from appliance.web.services import Services

if TYPE_CHECKING:
    from appliance.jobs import Door

__all__ = ["NotebookProxy"]

_PLACE = re.compile(r"/notebooks/([a-z0-9]{1,40})(/.*)?")
_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailer trailers"
    b" transfer-encoding upgrade".split()
)
_NOT_SENT = _HOP | frozenset(b"authorization cookie host origin referer content-length".split())
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = {
    b"content-security-policy": (
        b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
        b" style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:;"
        b" worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self';"
        b" frame-ancestors 'self'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_XSRF = "_xsrf"
_TITLES = {"queued": "The notebook waits", "held": "The notebook is held"}


class NotebookProxy:
    """An ASGI application.

    Parameters
    ----------
    services : Services
        For sessions and notebooks.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._allowed = services.settings.web.allowed_hosts
        self._reaches: dict[str, Reach] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request or one web socket."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def close(self) -> None:
        """Let go of all notebooks."""
        for reach in self._reaches.values():
            await reach.close()

    async def _request(self, scope: Any, receive: Receive, send: Send) -> None:
        found = await self._find(scope)
        if isinstance(found, _No):
            await show_page(send, found.status, found.title, found.text, again_s=found.again_s)
            return
        if scope["path"].rstrip("/") == f"/notebooks/{found.key}":
            await _go_to(send, f"/notebooks/{found.key}/{found.door.opened}")
            return
        try:
            await self._pass_on(found, scope, receive, send)
        except (httpx.TransportError, OSError):
            await show_page(send, 503, "The notebook starts", "It does not answer yet.", again_s=1)

    async def _socket(self, scope: Any, receive: Receive, send: Send) -> None:
        found = await self._find(scope)
        if isinstance(found, _No):
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": found.title})
            return
        reach = self._reach(found)
        wanted = Wanted(_address(scope), _sent(scope, found.door), scope.get("subprotocols", []))
        await pass_socket(reach, wanted, receive, send)

    async def _find(self, scope: Any) -> _Found | _No:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        problem = _refusal(scope, headers, self._allowed)
        if problem:
            return _No(403, "Not from here", problem)
        match = _PLACE.fullmatch(scope["path"])
        if match is None:
            return _No(404, "No notebook", "Open notebooks from the menu of the appliance.")
        return await asyncio.to_thread(self._look_up, match[1], _cookies(headers).get(COOKIE, ""))

    def _look_up(self, key: str, secret: str) -> _Found | _No:
        """Find the notebook of a session's user."""
        caller = self._caller(secret)
        if caller is None:
            return _No(
                401, "Log in first", "Log in to the appliance, then open the notebook again."
            )
        try:
            door = self._services.notebooks.door(key)
        except ApplianceError:
            door = None
        if door is None or door.login != caller.login or "batch" not in rights_of(caller):
            return _No(404, "No notebook", "It does not exist, or it is somebody else's.")
        if door.state in ("queued", "held", "starting") or (
            door.state == "running" and not door.token
        ):
            title = _TITLES.get(door.state, "The notebook starts")
            return _No(503, title, door.why or "One moment.", again_s=1)
        if door.state == "suspended":
            return _No(503, "The notebook is suspended", "Resume it in the table of jobs.", 5)
        if door.state != "running":
            return _No(410, "The notebook has ended", door.why or "Start another one.")
        return _Found(key, door)

    def _caller(self, secret: str) -> Caller | None:
        if not secret:
            return None
        with self._services.catalog.read() as con:
            return find_session(con, secret)

    def _reach(self, found: _Found) -> Reach:
        """Give the way to a notebook; one of an earlier attempt is left behind."""
        known = self._reaches.get(found.key)
        if known is None or known.token != found.door.token:
            known = self._reaches[found.key] = Reach(found.door.folder, found.door.token)
        return known

    async def _pass_on(self, found: _Found, scope: Any, receive: Receive, send: Send) -> None:
        client = self._reach(found).client
        request = client.build_request(
            scope["method"],
            f"http://localhost{_address(scope)}",
            headers=[*_sent(scope, found.door), *_length(scope)],
            content=_body(receive) if scope["method"] not in _SAFE else None,
        )
        answer = await client.send(request, stream=True)
        try:
            headers = [*_received(answer, found.key), *_OURS.items()]
            await send(
                {"type": "http.response.start", "status": answer.status_code, "headers": headers}
            )
            async for chunk in answer.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await answer.aclose()


@dataclass(frozen=True)
class _Found:
    """A notebook that the caller may use."""

    key: str
    door: Door


@dataclass(frozen=True)
class _No:
    """Why there is no notebook to be seen."""

    status: int
    title: str
    text: str
    again_s: int | None = None


def _refusal(scope: Any, headers: dict[bytes, bytes], allowed: list[str]) -> str:
    """Say why a request is not let through: it came from a page of another origin."""
    host = headers.get(b"host", b"").decode("latin-1")
    if not is_allowed_host(host, allowed):
        return "This name is not one of the appliance's."
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and origin.partition("://")[2] != host:
        return "A page of another origin may not use notebooks."
    method = scope.get("method", "socket")
    if not origin and method not in _SAFE:
        return "The request does not say which page it comes from."
    site, mode = headers.get(b"sec-fetch-site", b"none"), headers.get(b"sec-fetch-mode", b"")
    if site not in (b"none", b"same-origin") and (mode != b"navigate" or site == b"cross-site"):
        return "A page of another origin may not use notebooks."
    return ""


def _cookies(headers: dict[bytes, bytes]) -> dict[str, str]:
    try:
        jar = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _address(scope: Any) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path, query = raw.decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _sent(scope: Any, door: Door) -> list[tuple[str, str]]:
    """Give the headers for the notebook: its secret, and none of ours."""
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _NOT_SENT and not name.startswith(b"sec-websocket-")
    ]
    cookies: dict[bytes, bytes] = dict(scope["headers"])
    xsrf = _cookies(cookies).get(_XSRF)
    more = [("Cookie", f"{_XSRF}={xsrf}")] if xsrf else []
    return [*kept, ("Authorization", f"token {door.token}"), ("Host", "localhost"), *more]


def _length(scope: Any) -> list[tuple[str, str]]:
    return [
        ("Content-Length", value.decode("latin-1"))
        for name, value in scope["headers"]
        if name == b"content-length" and scope["method"] not in _SAFE
    ]


def _received(answer: httpx.Response, key: str) -> list[tuple[bytes, bytes]]:
    """Give the headers for the browser: no cookie but the one against forged requests."""
    found = []
    for raw, value in answer.headers.raw:
        name = raw.lower()
        if name == b"set-cookie":
            if value.startswith(_XSRF.encode()):
                plain = value.split(b";")[0]
                path = f"; Path=/notebooks/{key}/; SameSite=Strict".encode()
                found.append((name, plain + path))
        elif name not in _HOP and name not in _OURS and name not in (b"server", b"date"):
            found.append((name, value))
    return found


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            raise httpx.ReadError("the browser went away")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def _go_to(send: Send, place: str) -> None:
    headers = [(b"location", place.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 302, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
