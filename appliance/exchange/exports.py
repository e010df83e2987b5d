"""Exports of studies to a folder or a zip; what they are made of is told by a subclass."""

from __future__ import annotations

import io
import shutil
import threading
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import msgspec

from appliance.core import (
    ApplianceError,
    Conflict,
    Invalid,
    NotFound,
    StorageError,
    atomic_write,
    members,
    new_key,
    now_ms,
    safe_join,
)
from appliance.exchange.context import Context
from appliance.exchange.disk import storing
from appliance.exchange.once import OncePerRow

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["Entry", "Export", "Exports", "ZipSink", "entry_parts"]

_CHUNK_BYTES = 1 << 20
_NOTE_EVERY = 25


class Entry(msgspec.Struct, frozen=True):
    """One file of an export: its path and either its bytes or where they lie.

    Attributes
    ----------
    counts : bool
        Whether bytes stand for a file of the study, rather than tell about it.
    tells : bool
        Whether its JSON tells what was done to the files, and is kept with the export.
    stands_for : int
        How many files leave of which this is the one to look at.
    """

    path: str
    data: bytes | None = None
    source: Path | None = None
    counts: bool = False
    tells: bool = False
    stands_for: int = 1


def entry_parts(entry: Entry) -> Iterator[Entry]:
    """Give the plain files of an entry: itself, or of a pyramid all that lies in its folder."""
    if entry.source is None or not entry.source.is_dir():
        yield entry
        return
    for name, path in members(entry.source):
        yield Entry(f"{entry.path}/{name}", source=path, counts=entry.counts)


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One export and its fate; `target` is empty for one that is downloaded.

    Attributes
    ----------
    state : {"ready", "pending", "working", "done", "failed"}
        ``ready``: to be downloaded.
    report : dict
        What was done to the files on their way, where that is told.
    """

    id: int
    key: str
    project: str
    target: str
    state: str
    n_files: int
    n_done: int
    size_bytes: int
    reason: str
    hint: str
    studies: list[int]
    report: dict[str, Any]
    created_at: int
    updated_at: int


class Exports:
    """Makes something out of studies; what it is made of is the subclass's `_entries`.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    KIND: ClassVar[str]
    STEP: ClassVar[str]

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._once = OncePerRow()
        self._closing = threading.Event()
        ctx.queue.register_step(self.STEP, self._step)

    def _entries(self, export: Export) -> Iterable[Entry]:
        """Give the files of an export; refused before the first one if it cannot be made."""
        raise NotImplementedError

    def _noted(self, export: Export, found: Iterable[Entry]) -> Iterator[Entry]:
        """Give the files, and keep the one that tells what was done."""
        for entry in found:
            if entry.tells and entry.data:
                self._note(export.id, report=entry.data.decode())
            yield entry

    def open(self) -> None:
        """Allow exports, and go on with those that an end of the process cut off."""
        self._closing.clear()
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                "SELECT id FROM exports WHERE kind = ? AND state IN ('pending', 'working')",
                (self.KIND,),
            ).fetchall()
        for row in rows:
            self._ctx.ask(self.STEP, row[0])

    def close(self) -> None:
        """Let an export end at its next file; the next start goes on with it."""
        self._closing.set()

    def _begin(
        self,
        project_id: int,
        studies: Sequence[int],
        *,
        target: str,
        actor: str,
        n_files: int,
        size_bytes: int,
    ) -> Export:
        """Write an export down, and have it made if it goes to a folder.

        Raises
        ------
        Invalid, Conflict
            If the folder cannot be used.
        """
        if target:
            self._check_target(Path(target))
        key = new_key()
        options = msgspec.json.encode({"studies": list(studies)}).decode()
        state = "pending" if target else "ready"
        facts = (key, self.KIND, project_id, target, state, n_files, size_bytes, options)

        def write(tx: Tx) -> int:
            cursor = tx.con.execute(
                "INSERT INTO exports (key, kind, project_id, target, state, n_files, size_bytes,"
                " options, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*facts, now_ms(), now_ms()),
            )
            about = {"project_id": project_id, "export": key, "studies": len(studies)}
            tx.operation(f"export-{self.KIND}", actor=actor, target=about)
            return int(cursor.lastrowid or 0)

        export_id = self._ctx.catalog.write(write)
        if target:
            self._ctx.ask(self.STEP, export_id)
        return self.get(key)

    def _check_target(self, target: Path) -> None:
        home = self._ctx.folder.root.resolve()
        if not target.is_absolute() or not target.parent.is_dir():
            raise Invalid("there is no such place", hint="Name a new folder by its whole path.")
        if target.resolve().is_relative_to(home):
            raise Invalid("this folder lies within the data folder")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise Conflict("there is something there already", hint="Name an empty folder.")

    def get(self, key: str) -> Export:
        """Give an export by key.

        Raises
        ------
        NotFound
            If there is none.
        """
        with self._ctx.catalog.read() as con:
            row = con.execute(
                f"{_SELECT} WHERE e.key = ? AND e.kind = ?", (key, self.KIND)
            ).fetchone()
        if row is None:
            raise NotFound(f"no export {key!r}")
        return _export(row)

    def latest(self, project_id: int) -> list[Export]:
        """Give the latest exports of a project, newest first."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                f"{_SELECT} WHERE e.project_id = ? AND e.kind = ? ORDER BY e.id DESC LIMIT 50",
                (project_id, self.KIND),
            ).fetchall()
        return [_export(row) for row in rows]

    def zipped(self, key: str) -> Iterator[bytes]:
        """Give the bytes of an export as a zip, made while it is read.

        Raises
        ------
        NotFound, Invalid
            Before the first byte.
        """
        export = self.get(key)
        return _zip(self._noted(export, self._entries(export)))

    def _step(self, export_id: int) -> None:
        self._once.run(self._write_folder, export_id)

    def _write_folder(self, export_id: int) -> None:
        with self._ctx.catalog.read() as con:
            row = con.execute(f"{_SELECT} WHERE e.id = ?", (export_id,)).fetchone()
        if row is None or row["state"] not in ("pending", "working"):
            return
        export = _export(row)
        self._note(export_id, state="working")
        try:
            self._put_all(export)
        except ApplianceError as error:
            self._note(export_id, state="failed", reason=error.message, hint=error.hint)
        except Exception:
            self._note(export_id, state="failed", reason="a fault in the service")
            raise

    def _put_all(self, export: Export) -> None:
        target, done = Path(export.target), 0
        with storing("the folder of the export"):
            target.mkdir(exist_ok=True)
        for entry in self._noted(export, self._entries(export)):
            if self._closing.is_set():
                return
            for part in entry_parts(entry):
                _put(target, part)
            done += entry.counts or entry.source is not None
            if done % _NOTE_EVERY == 0:
                self._note(export.id, n_done=min(done, export.n_files))
        self._note(export.id, state="done", n_done=export.n_files)

    def _note(self, export_id: int, **changes: Any) -> None:
        columns = ", ".join(f"{name} = ?" for name in changes)

        def write(tx: Tx) -> None:
            tx.con.execute(
                f"UPDATE exports SET {columns}, updated_at = ? WHERE id = ?",
                (*changes.values(), now_ms(), export_id),
            )
            row = tx.con.execute(f"{_SELECT} WHERE e.id = ?", (export_id,)).fetchone()
            names = ("key", "project", "state", "n_files", "n_done")
            tx.event("export.changed", **{name: row[name] for name in names})

        self._ctx.catalog.write(write)


_SELECT = "SELECT e.*, p.name AS project FROM exports e JOIN projects p ON p.id = e.project_id"


def _export(row: Any) -> Export:
    options = msgspec.json.decode(row["options"])
    names = [name for name in Export.__struct_fields__ if name not in ("studies", "report")]
    return Export(
        **{name: row[name] for name in names},
        studies=options["studies"],
        report=msgspec.json.decode(row["report"]),
    )


def _put(target: Path, entry: Entry) -> None:
    path = safe_join(target, entry.path)
    with storing(entry.path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.source is None:
            with atomic_write(path) as stream:
                stream.write(entry.data or b"")
            return
        part = path.with_name(f"{path.name}.part")
        shutil.copyfile(entry.source, part)
        part.replace(path)


def _zip(found: Iterable[Entry]) -> Iterator[bytes]:
    sink = ZipSink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for entry in (part for one in found for part in entry_parts(one)):
            info = zipfile.ZipInfo(entry.path)
            with archive.open(info, "w", force_zip64=True) as member:
                if entry.source is None:
                    member.write(entry.data or b"")
                else:
                    with _opened(entry) as stream:
                        while chunk := stream.read(_CHUNK_BYTES):
                            member.write(chunk)
                            yield sink.take()
            yield sink.take()
    yield sink.take()


def _opened(entry: Entry) -> Any:
    if entry.source is None:
        return _no_source(entry)
    try:
        return entry.source.open("rb")
    except OSError as error:
        raise StorageError(f"{entry.path}: {error.strerror}") from error


def _no_source(entry: Entry) -> NoReturn:
    raise StorageError(f"{entry.path} has no bytes")


class ZipSink(io.RawIOBase):
    """Collects what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Tell that it takes bytes."""
        return True

    def write(self, data: object) -> int:
        """Take some bytes."""
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def take(self) -> bytes:
        """Give what was written since the last time."""
        found = b"".join(self._parts)
        self._parts.clear()
        return found
