"""BIDS exports of a project: the saved mapping, plans, and datasets written to a folder or zip."""

from __future__ import annotations

import logging
import shutil
import threading
import zipfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from appliance.core import (
    ApplianceError,
    Conflict,
    Invalid,
    NotFound,
    StorageError,
    atomic_write,
    new_key,
    now_ms,
    safe_join,
)
from appliance.exchange.bids_derivative import derivative_entries
from appliance.exchange.bids_plan import BidsMapping, BidsPlan, check_mapping, make_plan
from appliance.exchange.bids_write import Entry, entries
from appliance.exchange.context import Context
from appliance.exchange.disk import storing
from appliance.exchange.exports import ZipSink
from appliance.exchange.once import OncePerRow

if TYPE_CHECKING:
    from appliance.catalog import Project, Tx

__all__ = ["EXPORT_STEP", "BidsExports", "Export"]

_LOG = logging.getLogger(__name__)
EXPORT_STEP = "exchange.bids"
_KIND, _NAME = "bids", "mapping"
_CHUNK_BYTES = 1 << 20
_NOTE_EVERY = 25


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One export and its fate; `target` is empty for one that is downloaded.

    Attributes
    ----------
    state : {"ready", "pending", "working", "done", "failed"}
        ``ready``: to be downloaded.
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
    created_at: int
    updated_at: int


class BidsExports:
    """Makes BIDS datasets out of studies.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._once = OncePerRow()
        self._closing = threading.Event()
        ctx.queue.register_step(EXPORT_STEP, self._step)

    def open(self) -> None:
        """Allow exports, and go on with those that an end of the process cut off."""
        self._closing.clear()
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                "SELECT id FROM exports WHERE state IN ('pending', 'working')"
            ).fetchall()
        for row in rows:
            self._ctx.ask(EXPORT_STEP, row[0])

    def close(self) -> None:
        """Let an export end at its next file; the next start goes on with it."""
        self._closing.set()

    def mapping(self, project_id: int) -> BidsMapping:
        """Give the mapping that is saved with a project."""
        from appliance.catalog import get_doc

        with self._ctx.catalog.read() as con:
            try:
                doc = get_doc(con, _KIND, _NAME, project_id=project_id).doc
            except NotFound:
                return BidsMapping()
        return msgspec.convert(doc, BidsMapping)

    def save_mapping(self, project_id: int, mapping: BidsMapping) -> None:
        """Save a mapping with a project.

        Raises
        ------
        Invalid
            If a rule gives no valid name.
        """
        from appliance.catalog import put_doc

        check_mapping(mapping)
        doc = msgspec.to_builtins(mapping)
        self._ctx.catalog.write(
            lambda tx: put_doc(tx, _KIND, _NAME, doc, project_id=project_id) and None
        )

    def plan(
        self, project_id: int, study_ids: Sequence[int] = (), mapping: BidsMapping | None = None
    ) -> BidsPlan:
        """Tell what a dataset would hold.

        Raises
        ------
        Invalid
            As `make_plan`.
        """
        told = mapping or self.mapping(project_id)
        with self._ctx.catalog.read() as con:
            return make_plan(con, project_id, told, study_ids)

    def begin(
        self, project: str, study_ids: Sequence[int], *, target: str = "", actor: str
    ) -> Export:
        """Begin an export to a folder of this machine, or make one ready for download.

        Raises
        ------
        Invalid
            If nothing would be exported, or the folder cannot be used.
        Conflict
            If the folder holds something already.
        """
        from appliance.catalog import get_project

        with self._ctx.catalog.read() as con:
            project_id = get_project(con, project).id
        plan = self.plan(project_id, study_ids)
        n_files = len(plan.files) + len(plan.derived)
        if not n_files:
            raise Invalid("nothing would be exported", hint="Look at the mapping of the series.")
        if target:
            self._check_target(Path(target))
        key = new_key()
        facts = (key, project_id, target, "pending" if target else "ready", n_files)
        studies = list(study_ids) or [visit.id for visit in plan.visits]
        options = msgspec.json.encode({"studies": studies}).decode()

        def write(tx: Tx) -> int:
            cursor = tx.con.execute(
                "INSERT INTO exports (key, project_id, target, state, n_files, size_bytes,"
                " options, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*facts, plan.size_bytes, options, now_ms(), now_ms()),
            )
            about = {"project_id": project_id, "export": key, "studies": len(plan.visits)}
            tx.operation("export-bids", actor=actor, target=about)
            return int(cursor.lastrowid or 0)

        export_id = self._ctx.catalog.write(write)
        if target:
            self._ctx.ask(EXPORT_STEP, export_id)
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
            row = con.execute(f"{_SELECT} WHERE e.key = ?", (key,)).fetchone()
        if row is None:
            raise NotFound(f"no export {key!r}")
        return _export(row)

    def latest(self, project_id: int) -> list[Export]:
        """Give the latest exports of a project, newest first."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                f"{_SELECT} WHERE e.project_id = ? ORDER BY e.id DESC LIMIT 50", (project_id,)
            ).fetchall()
        return [_export(row) for row in rows]

    def zipped(self, key: str) -> Iterator[bytes]:
        """Give the bytes of an export as a zip, made while it is read.

        Raises
        ------
        NotFound, Invalid
            Before the first byte.
        """
        found = list(self._entries(self.get(key)))
        return _zip(found)

    def _entries(self, export: Export) -> Iterator[Entry]:
        from appliance.catalog import fields_of, get_project, project_settings
        from appliance.jobs import makers_of

        with self._ctx.catalog.read() as con:
            project = get_project(con, export.project)
            mapping = self.mapping(project.id)
            plan = make_plan(con, project.id, mapping, export.studies)
            values = fields_of(con, "subject", list(plan.participants))
            makers = makers_of(con, [one.file.origin for one in plan.derived])
        settings = project_settings(project)
        title = settings.title or project.name

        def path_of(file_id: int) -> Path:
            return self._path(project, file_id)

        raw = entries(
            plan, mapping, title=title, fields=settings.fields, values=values, path_of=path_of
        )
        if not plan.derived:
            return raw
        name = mapping.name or title
        return chain(raw, derivative_entries(plan.derived, makers, title=name, path_of=path_of))

    def _path(self, project: Project, file_id: int) -> Path:
        from appliance.catalog import absolute_path, get_file

        with self._ctx.catalog.read() as con:
            row = get_file(con, file_id)
        return absolute_path(self._ctx.folder, project.name, row)

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
        for entry in self._entries(export):
            if self._closing.is_set():
                return
            _put(target, entry)
            done += entry.source is not None
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
    names = [name for name in Export.__struct_fields__ if name != "studies"]
    return Export(**{name: row[name] for name in names}, studies=options["studies"])


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


def _zip(found: Sequence[Entry]) -> Iterator[bytes]:
    sink = ZipSink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for entry in found:
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
