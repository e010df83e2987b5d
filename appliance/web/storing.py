"""Stores the body of a request as a file of a study: whole and durable, or not at all."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from appliance import catalog
from appliance.catalog import Caller
from appliance.core import (
    Conflict,
    DiskFull,
    Invalid,
    StorageError,
    file_around,
    fsync_dir,
    new_key,
    safe_join,
)
from appliance.web import registering
from appliance.web.schemas import FilesAdd
from appliance.web.scope import check_project
from appliance.web.services import Services

__all__ = ["Place", "receive"]

_BATCH_BYTES = 1 << 20
_CHECK_EVERY_BYTES = 64 << 20
_GIVEN = ("receipt:", "source:")  # what came from outside


@dataclass(frozen=True)
class Place:
    """Where new content goes.

    Attributes
    ----------
    who : Caller
        Who sends it.
    project, psid, path : str
        The file's name in the catalog.
    project_id, study_id : int
        Its project and study.
    target : Path
        Where it lies.
    overwrite : bool
        Whether it may replace what is there.
    replaces : bool
        Whether something is there.
    """

    who: Caller
    project: str
    project_id: int
    psid: str
    study_id: int
    path: str
    target: Path
    overwrite: bool
    replaces: bool

    @classmethod
    def find(
        cls,
        services: Services,
        who: Caller,
        project: str,
        psid: str,
        path: str,
        *,
        overwrite: bool,
    ) -> Place:
        """Find the place, and refuse before a byte is read.

        Raises
        ------
        NotFound
            If there is no such study.
        Invalid
            If the path leads out of it, or is hidden.
        Conflict
            If a file is there and is not to be, or must not be, replaced; or the project is in
            the archive.
        QuotaReached
            If the project is full.
        """
        with services.catalog.read() as con:
            check_project(con, who, project)
            found = catalog.get_project(con, project)
            catalog.require_open(con, found.id)
            catalog.check_quota(con, found)
            study_id = catalog.find_study(con, found.id, psid)
            rows = catalog.study_files(con, study_id)
        pid, _, sid = psid.partition("#")
        target = safe_join(catalog.study_dir(services.folder, found.name, pid, sid), path)
        if path.endswith("/") or any(part.startswith(".") for part in PurePosixPath(path).parts):
            raise Invalid(f"a file cannot be called {path!r}", hint="Use no hidden name.")
        _check_free(target, path, {row.path: row for row in rows}, overwrite=overwrite)
        return cls(
            who=who,
            project=found.name,
            project_id=found.id,
            psid=psid,
            study_id=study_id,
            path=path,
            target=target,
            overwrite=overwrite,
            replaces=target.exists(),
        )


async def receive(
    services: Services, place: Place, pieces: AsyncIterable[bytes], tags: list[str]
) -> catalog.FileRow:
    """Write everything that a request streams, then put it into the catalog.

    The event loop is never blocked by the disk. A body that breaks off leaves nothing behind.
    """
    writer = await asyncio.to_thread(_Writer, services, place)
    try:
        batch = bytearray()
        async for piece in pieces:
            batch += piece
            if len(batch) >= _BATCH_BYTES:
                await asyncio.to_thread(writer.write, bytes(batch))
                batch.clear()
        await asyncio.to_thread(writer.write, bytes(batch))
        return await asyncio.to_thread(writer.commit, tags)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(writer.abort))
        raise


class _Writer:
    """A file under way."""

    def __init__(self, services: Services, place: Place) -> None:
        self._services, self._place = services, place
        self._since_check = 0
        self._check_space()
        with _storing(place.path):
            _make_folder(place.target.parent)
            name = f".{place.target.name[:64]}.{new_key()}.part"
            self._part = place.target.with_name(name)
            self._stream: BinaryIO = self._part.open("xb")

    def write(self, piece: bytes) -> None:
        with _storing(self._place.path):
            self._stream.write(piece)
        self._since_check += len(piece)
        if self._since_check >= _CHECK_EVERY_BYTES:
            self._check_space()

    def commit(self, tags: list[str]) -> catalog.FileRow:
        place = self._place
        with _storing(place.path):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._publish()
        address = f"{place.psid}/{place.path}"
        asked = FilesAdd(project=place.project, paths=[address], tags=tags)
        registering.add_files(self._services, place.who, asked)
        self._services.catalog.write(self._note)
        with self._services.catalog.read() as con:
            rows = catalog.study_files(con, place.study_id)
        return next(row for row in rows if row.path == place.path)

    def _note(self, tx: catalog.Tx) -> None:
        place = self._place
        study = {"project_id": place.project_id, "study": place.psid}
        target = {**study, "path": place.path, "replaced": place.replaces}
        tx.operation("store", actor=place.who.login, target=target)

    def abort(self) -> None:
        """Give up; once the file has its name there is nothing left to remove."""
        self._stream.close()
        self._part.unlink(missing_ok=True)

    def _publish(self) -> None:
        """Give the file its name: by a link where none may be there, for a link cannot replace."""
        if self._place.overwrite:
            self._part.replace(self._place.target)
        else:
            try:
                self._place.target.hardlink_to(self._part)
            except FileExistsError as error:
                raise Conflict(f"{self._place.path!r} was made meanwhile") from error
            self._part.unlink()
        fsync_dir(self._place.target.parent)

    def _check_space(self) -> None:
        self._since_check = 0
        free, keep = self._services.folder.free_bytes(), self._services.settings.data.min_free_bytes
        if free < keep:
            raise DiskFull(
                f"{free / 1e9:.2f} GB are free; {keep / 1e9:.2f} GB are to stay free",
                hint="Free some space. See data.min_free_bytes.",
                free_bytes=free,
                needed_bytes=keep,
            )


def _check_free(
    target: Path, path: str, rows: Mapping[str, catalog.FileRow], *, overwrite: bool
) -> None:
    row = rows.get(path)
    if row is not None and (row.origin or "").startswith(_GIVEN):
        raise Conflict(f"{path!r} was imported and is never replaced", hint="Use another name.")
    if not overwrite and (row is not None or target.exists()):
        raise Conflict(f"there is a file {path!r} already", hint="Use another name, or overwrite.")
    if target.is_dir():
        raise Conflict(f"{path!r} is a folder")
    if file_around(target.parents[path.count("/")], target.parent) is not None:
        raise Invalid(f"{path!r} would lie inside a pyramid", hint="Choose another folder.")


def _make_folder(folder: Path) -> None:
    """Make a folder with its parents, all durable when this returns."""
    missing = [folder, *folder.parents]
    while missing and missing[-1].is_dir():
        missing.pop()
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        fsync_dir(path.parent)


@contextmanager
def _storing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"the disk is full: {path!r}", hint="Free some space.") from error
        raise StorageError(f"{path!r}: {error.strerror or type(error).__name__}") from error
