"""Pages of other addresses that may read DICOMweb: who they are, and what their browsers are told.

They bring a token; the cookie of a session that is open in the same browser is not for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from urllib.parse import urlsplit

from litestar.types import HTTPScope, Scope

from appliance.core import SettingsError

__all__ = ["Origins"]

_Headers = list[tuple[bytes, bytes]]
_BELOW = "/dicom-web/"
_READING = frozenset({"GET", "HEAD"})
_MAY_SEND = b"Accept, Authorization, Content-Type, Range"
_MAY_SEE = b"Content-Disposition, Content-Location, Content-Range, Warning"
_REMEMBERED_S = b"600"


class Origins:
    """The addresses of the settings.

    Parameters
    ----------
    allowed : iterable of str
        Scheme, name and port, as ``https://viewer.example.org:3000``.

    Raises
    ------
    SettingsError
        If one is no address of pages.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(_origin(one) for one in allowed)

    def of(self, scope: Scope) -> bytes | None:
        """Give the other address that a request for DICOMweb comes from, if it may read."""
        if not self._allowed or not scope["path"].startswith(_BELOW):
            return None
        method = _method(scope)
        if method == "OPTIONS":
            method = _header(scope, b"access-control-request-method").decode("latin-1")
        origin = _header(scope, b"origin")
        known = origin.decode("latin-1").lower() in self._allowed
        return origin if known and method in _READING else None

    @staticmethod
    def is_preflight(scope: Scope) -> bool:
        """Tell whether a browser only asks what it may ask."""
        return _method(scope) == "OPTIONS"

    @staticmethod
    def permission(scope: Scope, origin: bytes) -> _Headers:
        """Give what a browser is told that asks beforehand."""
        near = _header(scope, b"access-control-request-private-network") == b"true"
        return [
            *Origins.headers(origin),
            (b"access-control-allow-methods", b"GET, HEAD"),
            (b"access-control-allow-headers", _MAY_SEND),
            (b"access-control-max-age", _REMEMBERED_S),
            *([(b"access-control-allow-private-network", b"true")] if near else []),
        ]

    @staticmethod
    def headers(origin: bytes) -> _Headers:
        """Give what lets a page read an answer."""
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _MAY_SEE),
            (b"vary", b"Origin"),
        ]

    @staticmethod
    def without_cookies(scope: Scope) -> None:
        """Take the session of this browser out of a request."""
        scope["headers"] = [pair for pair in scope["headers"] if pair[0].lower() != b"cookie"]


def _method(scope: Scope) -> str:
    return str(cast("HTTPScope", scope)["method"])


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key.lower() == name), b"")


def _origin(text: str) -> str:
    """Give an address as browsers write it.

    Raises
    ------
    SettingsError
    """
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    usual = {"http": 80, "https": 443}
    rest = parts.path.strip("/") + parts.query + parts.fragment
    if parts.scheme not in usual or not parts.hostname or rest or "@" in parts.netloc:
        raise SettingsError(
            f"web.dicomweb_origins: {text!r} is no address of pages",
            hint="Write scheme, name and port, as https://viewer.example.org:3000; no path, no *.",
        )
    if "*" in parts.netloc:
        raise SettingsError(
            "web.dicomweb_origins: each address is written out", hint="There is no *."
        )
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    told = "" if port in (None, usual[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{name}{told}"
