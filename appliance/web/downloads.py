"""Prepared downloads: what was asked for by one request is sent as one archive by the next.

A browser saves a stream only from an address, and an address is too short for ten thousand ids.
Preparations live in memory for some minutes and belong to the caller who made them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from litestar.types import Receive, Scope, Send

from appliance import catalog
from appliance.catalog import Caller, FileRow
from appliance.core import ApplianceError, DataFolder, NotFound, members, new_key
from appliance.web.gate import SANDBOX_CSP
from appliance.web.transfer import Download, FileAnswer, content_disposition
from appliance.web.zipping import ZipEntry, safe_zip_name, zip_bytes, zip_length

__all__ = ["ContentAnswer", "Downloads", "Prepared", "ZipAnswer", "pack_one", "packed", "prepare"]

_KEPT_S, _MOST = 1800.0, 64
_MISSING = "NOT-INCLUDED.txt"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An archive to be sent: its name, its files, and how many of those asked for are gone.

    `studies` and `files` are the ids of what lies in it.
    """

    login: str
    project: str
    name: str
    entries: Sequence[ZipEntry]
    n_missing: int
    studies: Sequence[int] = ()
    files: Sequence[int] = ()
    key: str = field(default_factory=new_key)
    made_at: float = field(default_factory=time.monotonic)

    @property
    def length(self) -> int:
        """Bytes of the whole archive."""
        return zip_length(self.entries)


class Downloads:
    """Remembers prepared downloads; the oldest go first."""

    def __init__(self) -> None:
        self._kept: dict[str, Prepared] = {}
        self._lock = Lock()

    def keep(self, prepared: Prepared) -> None:
        """Remember one until it is `_KEPT_S` old."""
        with self._lock:
            since = time.monotonic() - _KEPT_S
            fresh = {k: one for k, one in self._kept.items() if one.made_at > since}
            for old in list(fresh)[: max(0, len(fresh) - _MOST + 1)]:
                del fresh[old]
            self._kept = {**fresh, prepared.key: prepared}

    def get(self, key: str, who: Caller) -> Prepared:
        """Give a prepared download to the one who prepared it.

        Raises
        ------
        NotFound
            If it is somebody else's, too old, or of an earlier run of the service.
        """
        found = self._kept.get(key)
        if found is None or found.login != who.login or found.made_at < time.monotonic() - _KEPT_S:
            raise NotFound("this download has expired", hint="Ask for it again in the table.")
        return found


def prepare(
    folder: DataFolder, project: str, login: str, rows: Iterable[FileRow], name: str
) -> Prepared:
    """Look at the files of a download; what is gone from the disk is told inside the archive."""
    entries: dict[str, ZipEntry] = {}
    missing: list[str] = []
    studies, files = dict[int, None](), list[int]()
    for row in rows:
        inside = safe_zip_name(project, row.pid, row.sid, row.path)
        try:
            parts = list(_parts(inside, catalog.file_path(folder, row)))
        except (OSError, ApplianceError):
            missing.append(inside)
            continue
        entries |= {part.name: part for part in parts}
        studies[row.study_id] = None
        files.append(row.id)
    if missing:
        text = "".join(f"{one}\n" for one in ["No longer on the disk:", *missing]).encode()
        inside = safe_zip_name(project, _MISSING)
        entries[inside] = ZipEntry(inside, None, len(text), time.time(), text)
    return Prepared(
        login=login,
        project=project,
        name=f"{safe_zip_name(name).replace('/', '_')}.zip",
        entries=list(entries.values()),
        n_missing=len(missing),
        studies=list(studies),
        files=files,
    )


def pack_one(folder: DataFolder, row: FileRow, login: str) -> Prepared:
    """Make an archive of one file that is a folder."""
    parts = list(_parts(safe_zip_name(row.name), catalog.file_path(folder, row)))
    return Prepared(
        login=login, project=row.project, name=f"{row.name}.zip", entries=parts, n_missing=0
    )


def _parts(inside: str, path: Path) -> Iterator[ZipEntry]:
    """Give what a file of the catalog consists of; all that lies in it, if it is a folder."""
    for name, part in members(path):
        facts = part.stat()
        told = safe_zip_name(inside, name)
        yield ZipEntry(told, part, facts.st_size, facts.st_mtime)


def packed(login: str, project: str, name: str, found: Iterable[tuple[str, Path]]) -> Prepared:
    """Make an archive of files that are no files of the catalog, each with its name inside."""
    entries = [
        ZipEntry(safe_zip_name(inside), path, facts.st_size, facts.st_mtime)
        for inside, path in found
        for facts in [path.stat()]
    ]
    return Prepared(login=login, project=project, name=f"{name}.zip", entries=entries, n_missing=0)


class ZipAnswer:
    """The answer to a GET or HEAD of a prepared download, as an ASGI application.

    A file that fails after the first byte ends the connection early: the length that was
    promised tells the browser that the archive is not whole.
    """

    def __init__(self, find: Callable[[], Prepared]) -> None:
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the archive; stop reading when the caller hangs up."""
        prepared = await asyncio.to_thread(self._find)
        length = await asyncio.to_thread(lambda: prepared.length)
        headers = {
            "content-type": "application/zip",
            "content-length": str(length),
            "content-disposition": content_disposition(prepared.name).replace(
                "inline", "attachment", 1
            ),
            "content-security-policy": SANDBOX_CSP,
        }
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
            }
        )
        wanted = scope.get("method") != "HEAD"
        chunks = zip_bytes(prepared.entries) if wanted else iter(())
        await _send_all(receive, send, chunks)


class ContentAnswer:
    """The answer with one file: its bytes with ranges, or of a folder file an archive.

    Parameters
    ----------
    find : callable
        Names what is to be sent; runs in a thread.
    """

    def __init__(self, find: Callable[[], Download | Prepared]) -> None:
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        found = await asyncio.to_thread(self._find)
        if isinstance(found, Prepared):
            await ZipAnswer(lambda: found)(scope, receive, send)
        else:
            await FileAnswer(lambda: found)(scope, receive, send)


async def _send_all(receive: Receive, send: Send, chunks: Iterator[bytes]) -> None:
    gone = asyncio.create_task(_hung_up(receive))
    try:
        while not gone.done():
            chunk = await asyncio.to_thread(next, chunks, b"")
            await send({"type": "http.response.body", "body": chunk, "more_body": bool(chunk)})
            if not chunk:
                return
    finally:
        gone.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
