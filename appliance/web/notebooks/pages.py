"""The few pages of our own that stand where a notebook is not, or not yet."""

from __future__ import annotations

from html import escape

from litestar.types import Send

__all__ = ["show_page"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">{refresh}<title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #d7dbe0; background: #16191d;
  display: grid; place-content: center; min-height: 100vh; margin: 0; text-align: center; }}
h1 {{ font-size: 20px; font-weight: 600; }} p {{ color: #9aa3ad; max-width: 60ch; }}
</style></head><body><main role="status"><h1>{title}</h1><p>{text}</p></main></body></html>
"""
_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
]


async def show_page(
    send: Send, status: int, title: str, text: str, *, again_s: int | None = None
) -> None:
    """Send a page; with `again_s` the browser asks again after so many seconds."""
    refresh = "" if again_s is None else f'<meta http-equiv="refresh" content="{again_s}">'
    body = _PAGE.format(refresh=refresh, title=escape(title), text=escape(text)).encode()
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
