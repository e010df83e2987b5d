"""Serves the built web UI: hashed assets for ever, the page itself for every browser route."""

from __future__ import annotations

from pathlib import Path

from litestar import asgi
from litestar.types import Receive, Scope, Send

from appliance.core import Invalid, NotFound, safe_join
from appliance.web.transfer import Download, send_file

__all__ = ["STATIC", "ui"]

STATIC = Path(__file__).parent / "static"
_MISSING = Path(__file__).parent / "no_bundle.html"
_IMMUTABLE = (("cache-control", "public, max-age=31536000, immutable"),)
_RESERVED = ("api", "schema", "healthz")


@asgi(["/", "/{path:path}"], public=True, copy_scope=True)
async def ui(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a file of the UI, or its page for any route that the browser knows."""
    if scope["method"] not in ("GET", "HEAD"):
        raise NotFound("there is nothing at this address")
    await send_file(scope, receive, send, lambda: _find(scope["path"]))


def _find(path: str) -> Download:
    name = path.strip("/")
    if name.split("/")[0] in _RESERVED:
        raise NotFound("there is nothing at this address", hint="See /schema for all addresses.")
    if "." not in name.rpartition("/")[2]:
        return _page()
    try:
        file = safe_join(STATIC, name)
    except Invalid as error:
        raise NotFound("there is nothing at this address") from error
    if not file.is_file():
        raise NotFound("there is nothing at this address")
    headers = _IMMUTABLE if name.startswith("assets/") else ()
    return Download(file, file.name, headers, sandboxed=False)


def _page() -> Download:
    index = STATIC / "index.html"
    return Download(index if index.is_file() else _MISSING, "index.html", sandboxed=False)
