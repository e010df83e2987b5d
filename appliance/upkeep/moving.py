"""Renaming and moving subjects, studies and files: disk, catalog and identities as one.

Each move is written down first, then made on disk by one rename, then entered. What a power cut
left in between is found at the next start: when the folder has its new name the move is finished,
else it is forgotten.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import (
    Catalog,
    Move,
    Operation,
    Tx,
    begin_move,
    cancel_move,
    check_undo,
    finish_move,
    mark_undone,
    pending_moves,
    plan_move_study,
    plan_rename_file,
    plan_rename_study,
    plan_rename_subject,
)
from appliance.core import (
    Conflict,
    DataFolder,
    Invalid,
    StorageError,
    atomic_write,
    file_around,
    fsync_dir,
    is_folder_file,
    safe_join,
)
from appliance.privacy import IdentityStore
from appliance.upkeep.followers import follow, refuse_busy
from appliance.viewing import move_versions

__all__ = ["Mover"]

_LOG = logging.getLogger(__name__)


class Mover:
    """Makes moves, takes them back, and finishes those that were cut short.

    Parameters
    ----------
    catalog : Catalog
    folder : DataFolder
    identities : IdentityStore
        A subject's new code stands for the same person.
    """

    def __init__(self, catalog: Catalog, folder: DataFolder, identities: IdentityStore) -> None:
        self._catalog, self._folder, self._identities = catalog, folder, identities

    def rename_subject(self, subject_id: int, pid: str, actor: str) -> int:
        """Give a subject another code, and its folder another name.

        Returns
        -------
        int
            Id of the operation.

        Raises
        ------
        Conflict
            If the code is taken, a job works there, or files are arriving.
        """
        return self._do(lambda con: plan_rename_subject(con, subject_id, pid), actor)

    def rename_study(self, study_id: int, sid: str, actor: str) -> int:
        """Give a study another code within its subject."""
        return self._do(lambda con: plan_rename_study(con, study_id, sid), actor)

    def move_study(self, study_id: int, subject_id: int, actor: str) -> int:
        """Give a study to another subject of its project."""
        return self._do(lambda con: plan_move_study(con, study_id, subject_id), actor)

    def rename_file(self, file_id: int, path: str, actor: str) -> int:
        """Give a file another name, maybe in another folder of its study."""
        return self._do(lambda con: plan_rename_file(con, file_id, path), actor)

    def undo(self, operation: Operation, actor: str) -> None:
        """Take a move back.

        Raises
        ------
        Conflict
            If it was undone already, or a later change stands in the way.
        """
        with self._catalog.read() as con:
            check_undo(con, operation)
            before = _before(con, operation.id)
            _check_unchanged(con, operation)
        target = operation.target
        plan = {
            "pid": lambda con: plan_rename_subject(con, target["id"], before["pid"]),
            "sid": lambda con: plan_rename_study(con, target["id"], before["sid"]),
            "subject_id": lambda con: plan_move_study(con, target["id"], before["subject_id"]),
            "path": lambda con: plan_rename_file(con, target["id"], before["path"]),
        }[next(iter(before))]
        back = self._do(plan, actor)
        self._catalog.write(lambda tx: _close_undo(tx, operation, back, actor))

    def finish_pending(self) -> int:
        """Finish or forget what was cut short; count it."""
        with self._catalog.read() as con:
            waiting = pending_moves(con)
        for operation_id, source, target in waiting:
            old, new = self._path(source), self._path(target)
            if new.exists() and not old.exists():
                self._enter(operation_id, self._recorded(operation_id))
            else:
                self._forget(operation_id)
            _LOG.warning("a change of names that was cut short was brought to an end")
        return len(waiting)

    def _do(self, plan: Callable[[sqlite3.Connection], Move], actor: str) -> int:
        with self._catalog.read() as con:
            move = plan(con)
            refuse_busy(con, move)
        old, new = self._path(move.source), self._path(move.target)
        if new.exists():
            raise Conflict(f"{new.name!r} exists on disk already", hint="Run 'nora rescan'.")
        if move.level == "file":
            _check_pyramids(self._folder.projects.joinpath(*move.target.split("/")[:3]), old, new)
        self._folder.check_marker(self._folder.projects)
        operation_id = self._catalog.write(lambda tx: begin_move(tx, move, actor))
        try:
            self._recode(move)
            _rename(old, new)
        except BaseException:
            self._forget(operation_id)
            raise
        self._enter(operation_id, move)
        return operation_id

    def _enter(self, operation_id: int, move: Move) -> None:
        self._recode(move)

        def enter(tx: Tx) -> None:
            finish_move(tx, operation_id)
            follow(tx, move)

        self._catalog.write(enter)
        if move.level == "file":
            study = self._folder.projects.joinpath(*move.target.split("/")[:3])
            move_versions(study, move.before["path"], move.change["path"])
        self._correct_nodeinfo(move)

    def _forget(self, operation_id: int) -> None:
        self._recode(_turned(self._recorded(operation_id)))
        self._catalog.write(lambda tx: cancel_move(tx, operation_id))

    def _recode(self, move: Move) -> None:
        """Let the new code of a subject stand for the same person; repeating it changes nothing."""
        if move.level == "subject":
            self._identities.recode(move.project_key, move.before["pid"], move.change["pid"])

    def _path(self, relative: str) -> Path:
        """Join without following a last link: a file of existing data may be one."""
        parent, _, name = relative.rpartition("/")
        return safe_join(self._folder.projects, parent) / name

    def _recorded(self, operation_id: int) -> Move:
        with self._catalog.read() as con:
            row = con.execute(
                "SELECT m.*, o.verb, o.before, o.project_id, j.key AS project_key FROM moves m"
                " JOIN operations o ON o.id = m.operation_id"
                " JOIN projects j ON j.id = o.project_id WHERE m.operation_id = ?",
                (operation_id,),
            ).fetchone()
        facts = {name: row[name] for name in Move.__struct_fields__ if name in row.keys()}  # noqa: SIM118
        facts |= {name: json.loads(row[name]) for name in ("change", "before")}
        return Move(**facts)

    def _correct_nodeinfo(self, move: Move) -> None:
        """Bring ``nodeinfo.json`` of the studies below in line; it only repeats the catalog."""
        if move.level == "file":
            return
        root = self._path(move.target)
        found = [root] if move.level == "study" else [p for p in root.glob("*") if p.is_dir()]
        for study in found:
            try:
                _write_codes(study / "nodeinfo.json", study.parent.name, study.name)
            except (OSError, ValueError):
                _LOG.warning("nodeinfo.json of a study that moved could not be corrected")


def _rename(old: Path, new: Path) -> None:
    if not (old.exists() or old.is_symlink()):
        return  # a subject or study without any file has no folder
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
        for folder in {old.parent, new.parent}:
            fsync_dir(folder)
    except OSError as error:
        raise StorageError(
            f"{old.name!r} cannot be renamed: {error.strerror}",
            hint="Look at the permissions of the project's folder.",
        ) from error


def _check_pyramids(study: Path, old: Path, new: Path) -> None:
    """Keep what lies in a pyramid apart from files, and a pyramid one that is known as such."""
    if file_around(study, new) is not None:
        raise Invalid(f"{new.name!r} would lie inside a pyramid", hint="Choose another folder.")
    if is_folder_file(old) and not is_folder_file(old, new.name):
        raise Invalid(
            f"a pyramid cannot be called {new.name!r}",
            hint="Let its name begin or end as it does now: 'neuro-...' or '....zarr'.",
        )


def _check_unchanged(con: sqlite3.Connection, operation: Operation) -> None:
    later = con.execute(
        "SELECT id FROM operations WHERE verb IN ('rename', 'move') AND undone_at IS NULL"
        " AND id > ? AND json_extract(target, '$.level') = ?"
        " AND json_extract(target, '$.id') = ? ORDER BY id DESC LIMIT 1",
        (operation.id, operation.target["level"], operation.target["id"]),
    ).fetchone()
    if later is not None:
        raise Conflict(
            f"operation {later[0]} changed its name later", hint="Take that one back first."
        )


def _close_undo(tx: Tx, operation: Operation, back: int, actor: str) -> None:
    """The way back is no change of its own in the history: the undo says it all."""
    mark_undone(tx, operation, actor)
    tx.con.execute("DELETE FROM operations WHERE id = ?", (back,))


def _before(con: sqlite3.Connection, operation_id: int) -> dict[str, Any]:
    row = con.execute("SELECT before FROM operations WHERE id = ?", (operation_id,)).fetchone()
    found: dict[str, Any] = json.loads(row[0])
    return found


def _turned(move: Move) -> Move:
    return msgspec.structs.replace(move, change=move.before, before=move.change)


def _write_codes(path: Path, pid: str, sid: str) -> None:
    if not path.is_file():
        return
    doc = json.loads(path.read_bytes())
    doc["subject"]["id"], doc["study"]["sid"] = pid, sid
    with atomic_write(path) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(doc)) + b"\n")
