"""Sends a file over raw ASGI, with ranges and entity tags; Litestar's own responses know neither.

Reads 1 MiB at a time in a thread, so that the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

from appliance.core import NotFound
from appliance.web.gate import SANDBOX_CSP
from appliance.web.ranges import Answer, etag_of, negotiate

__all__ = ["Download", "FileAnswer", "content_disposition", "content_type"]

_CHUNK_BYTES = 1 << 20
_WATCH_BYTES = 8 << 20  # from this size on a caller that hangs up ends the reading
_ACTIVE = frozenset({".html", ".htm", ".xhtml", ".svg", ".xml", ".pdf", ".mhtml", ".js", ".css"})
_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".bval": "text/plain; charset=utf-8",
    ".bvec": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
_OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class Download:
    """A file to be sent.

    Attributes
    ----------
    path : Path
        Where it lies.
    name : str
        Name for the browser's "save as".
    headers : tuple
        Further headers, such as ``cache-control``.
    version : str
        What the entity tag is made of, where the file's own time says nothing about its content.
    sandboxed : bool
        Whether the bytes come from users: then nothing in them is ever executed or framed.
    """

    path: Path
    name: str
    headers: tuple[tuple[str, str], ...] = ()
    version: str = ""
    sandboxed: bool = True


@dataclass(frozen=True)
class _Open:
    """An open file with all that is known before its first byte is sent."""

    handle: int
    size_bytes: int
    etag: str
    modified: str
    answer: Answer
    first: bytes


def content_type(name: str, *, sandboxed: bool = True) -> str:
    """Name the type of a file by its suffix; what a browser could execute stays plain bytes."""
    suffix = Path(name).suffix.lower()
    if sandboxed:
        return _TYPES.get(suffix, _OCTETS)
    return mimetypes.guess_type(name)[0] or _OCTETS


def content_disposition(name: str) -> str:
    """Write a header that is safe for any file name; active types are always attachments."""
    kind = "attachment" if Path(name).suffix.lower() in _ACTIVE else "inline"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


class FileAnswer:
    """The answer to a GET or HEAD for a file, as an ASGI application.

    Parameters
    ----------
    find : callable
        Names the file; runs in a thread, together with opening it and reading its first bytes.
        An error that it raises becomes a problem as everywhere else.
    """

    def __init__(self, find: Callable[[], Download]) -> None:
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, a range of it, or that it has not changed."""
        download, opened = await asyncio.to_thread(_find_and_open, scope, self._find)
        try:
            await send(_start(download, opened))
            if not opened.first:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await _send_body(receive, send, opened)
        finally:
            os.close(opened.handle)


def _find_and_open(scope: Scope, find: Callable[[], Download]) -> tuple[Download, _Open]:
    download = find()
    try:
        handle = os.open(download.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise NotFound(
            f"the file {download.name!r} cannot be opened: {error.strerror}",
            hint="It was moved or removed behind the appliance's back; 'nora rescan' tells.",
        ) from error
    try:
        return download, _inspect(scope, handle, download)
    except BaseException:
        os.close(handle)
        raise


def _inspect(scope: Scope, handle: int, download: Download) -> _Open:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise NotFound(f"{download.name!r} is no file")
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    etag = f'"{download.version}"' if download.version else etag_of(facts)
    modified = formatdate(facts.st_mtime, usegmt=True)
    method = str(scope.get("method", ""))
    answer = negotiate(method, headers, etag, modified, facts.st_size)
    wanted = 0 if method == "HEAD" else min(_CHUNK_BYTES, answer.stop - answer.start)
    first = os.pread(handle, wanted, answer.start) if wanted else b""
    return _Open(handle, facts.st_size, etag, modified, answer, first)


def _start(download: Download, opened: _Open) -> HTTPResponseStartEvent:
    answer, size = opened.answer, opened.size_bytes
    headers = {
        "etag": opened.etag,
        "last-modified": opened.modified,
        "accept-ranges": "bytes",
        **dict(download.headers),
    }
    if answer.status != 304:
        headers["content-length"] = str(answer.stop - answer.start)
        headers["content-type"] = content_type(download.name, sandboxed=download.sandboxed)
    if answer.status == 206:
        headers["content-range"] = f"bytes {answer.start}-{answer.stop - 1}/{size}"
    if answer.status == 416:
        headers["content-range"] = f"bytes */{size}"
    if download.sandboxed:
        headers["content-security-policy"] = SANDBOX_CSP
        headers["content-disposition"] = content_disposition(download.name)
    return {
        "type": "http.response.start",
        "status": answer.status,
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
    }


async def _send_body(receive: Receive, send: Send, opened: _Open) -> None:
    offset, stop = opened.answer.start, opened.answer.stop
    gone = asyncio.create_task(_hung_up(receive)) if stop - offset > _WATCH_BYTES else None
    chunk = opened.first
    try:
        while gone is None or not gone.done():
            offset += len(chunk)
            more = offset < stop and bool(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
            if not more:
                break
            wanted = min(_CHUNK_BYTES, stop - offset)
            chunk = await asyncio.to_thread(os.pread, opened.handle, wanted, offset)
    finally:
        if gone is not None:
            gone.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
