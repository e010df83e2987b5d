"""Serves the built web UI: hashed assets for ever, the page itself for every browser route."""

from __future__ import annotations

from pathlib import Path

from litestar import route
from litestar.params import FromPath

from appliance.core import Invalid, NotFound, safe_join
from appliance.web.gate import CSP
from appliance.web.transfer import Download, FileAnswer

__all__ = ["STATIC", "ui"]

STATIC = Path(__file__).parent / "static"
_MISSING = Path(__file__).parent / "no_bundle.html"
_IMMUTABLE = (("cache-control", "public, max-age=31536000, immutable"),)
_UNPACKER = "neuroglancer/async.js"
"""Worker that unpacks chunks of Zarr; it alone may run WebAssembly."""
_WASM_CSP = CSP.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
_RESERVED = ("api", "schema", "healthz")


@route(
    ["/", "/index.php", "/{path:path}"],
    http_method=["GET", "HEAD"],
    public=True,
    sync_to_thread=False,
    include_in_schema=False,
)
def ui(path: FromPath[str] = "") -> FileAnswer:
    """Send a file of the UI, or its page for any route that the browser knows; NORA's, too."""
    return FileAnswer(lambda: _find(path))


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
    headers: tuple[tuple[str, str], ...] = _IMMUTABLE if name.startswith("assets/") else ()
    headers += (("content-security-policy", _WASM_CSP),) if name == _UNPACKER else ()
    return Download(file, file.name, headers, sandboxed=False)


def _page() -> Download:
    index = STATIC / "index.html"
    return Download(index if index.is_file() else _MISSING, "index.html", sandboxed=False)
