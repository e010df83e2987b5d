"""The outermost layer: which hosts and pages may speak to us, and the headers of every answer.

A page of another origin must not reach the API, neither by DNS rebinding (the Host header then
names a foreign host) nor with the browser's cookies (Origin and Sec-Fetch-Site then tell).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from appliance.core import Refused
from appliance.web.origins import Origins
from appliance.web.peers import peer_is_us
from appliance.web.problems import PROBLEM_TYPE, problem_bytes

__all__ = ["CSP", "SANDBOX_CSP", "Gate", "is_allowed_host"]

CSP = (
    "default-src 'self'; script-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:;"
    " media-src 'self' blob:; connect-src 'self'; style-src 'self' 'unsafe-inline';"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SANDBOX_CSP = "sandbox; default-src 'none'; frame-ancestors 'none'"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_DATA = ("/api/", "/dicom-web/")
_HEADERS = {
    b"content-security-policy": CSP.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-embedder-policy": b"require-corp",
    b"cross-origin-resource-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    b"cache-control": b"no-store",
}


def is_allowed_host(host: str, allowed: Iterable[str]) -> bool:
    """Tell whether a Host header names this machine: loopback, or a name from the settings."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    return name in _LOOPBACK_NAMES or name in {entry.lower() for entry in allowed}


class Gate:
    """Wraps the whole application.

    Parameters
    ----------
    app : ASGI application
        What is protected.
    allowed_hosts : iterable of str
        Names beside loopback under which browsers reach the service.
    dicomweb_origins : iterable of str
        Addresses of pages that may read DICOMweb.

    Raises
    ------
    SettingsError
        If one of these is no address.
    """

    def __init__(
        self, app: ASGIApp, allowed_hosts: Iterable[str], dicomweb_origins: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._allowed, self._origins = tuple(allowed_hosts), Origins(dicomweb_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it; web sockets are not spoken."""
        if scope["type"] != ScopeType.HTTP:
            return
        reader = self._origins.of(scope)
        guarded = _with_headers(send, Origins.headers(reader) if reader else ())
        refusal = None if peer_is_us(scope) else self._refusal(scope, reader)
        if reader is not None:
            Origins.without_cookies(scope)
        if refusal is None and reader is not None and Origins.is_preflight(scope):
            await _answer(204, Origins.permission(scope, reader), b"", guarded)
        elif refusal is None:
            await self._app(scope, receive, guarded)
        else:
            await _refuse(refusal, guarded)

    def _refusal(self, scope: Scope, reader: bytes | None) -> Refused | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not is_allowed_host(host, self._allowed):
            return Refused(
                "this name is not one of the appliance's",
                hint="Use 127.0.0.1 or localhost, or add the name to web.allowed_hosts.",
            )
        if reader is not None:
            return None
        origin = headers.get(b"origin")
        if origin is not None and not _same_origin(origin.decode("latin-1"), host):
            return Refused("a page of another origin may not use this service")
        site = headers.get(b"sec-fetch-site", b"none")
        if site in (b"cross-site", b"same-site") and scope["path"].startswith(_DATA):
            return Refused("a page of another site may not use this service")
        return None


def _same_origin(origin: str, host: str) -> bool:
    """Compare host and port only: behind a TLS proxy the scheme differs."""
    return origin.partition("://")[2].lower() == host.lower()


def _with_headers(send: Send, more: Iterable[tuple[bytes, bytes]]) -> Send:
    told = {**_HEADERS, **dict(more)}

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name, value) for name, value in told.items() if name not in present),
            ]
        await send(message)

    return guarded


async def _refuse(error: Refused, send: Send) -> None:
    body = problem_bytes(error)
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await _answer(error.status, headers, body, send)


async def _answer(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
