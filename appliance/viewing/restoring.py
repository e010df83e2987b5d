"""Versions of a file as a list, bringing an earlier one back, and taking a save back."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import (
    Catalog,
    FileRow,
    Operation,
    check_undo,
    file_path,
    get_file,
    mark_undone,
    study_dir,
    trash_files,
)
from appliance.core import Conflict, DataFolder, NotFound, sha256_file
from appliance.viewing.saving import IfChanged, Limits, Saved, Wanted, author_of, save
from appliance.viewing.versions import Head, kept_path, list_kept, next_number, read_head

__all__ = ["Version", "list_versions", "restore_version", "undo_save", "version_path"]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a file; `saved_at` in ms UTC, `version` as `FileRow.version` then was."""

    n: int
    is_current: bool
    saved_at: int
    saved_by: str
    origin: str
    note: str
    size_bytes: int
    sha256: str
    version: str


def list_versions(folder: DataFolder, row: FileRow) -> list[Version]:
    """List the versions of a file, the present one first."""
    study, path = _study(folder, row), file_path(folder, row)
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise NotFound(f"{row.name} is no longer on the disk", hint="Run 'nora rescan'.") from None
    now = read_head(study, row.path) or Head(
        n=next_number(study, row.path),
        saved_at=facts.st_mtime_ns // 1_000_000,
        saved_by=author_of(row, None),
        origin=row.origin or "",
        sha256=row.sha256 or "",
        size_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
    )
    earlier = [one for one in list_kept(study, row.path) if one.n < now.n]
    return [_version(now, is_current=True), *(_version(one, is_current=False) for one in earlier)]


def version_path(folder: DataFolder, row: FileRow, n: int | None) -> Path:
    """Give the place of a version; None means the present one.

    Raises
    ------
    NotFound
        If it is not kept.
    """
    study = _study(folder, row)
    head = read_head(study, row.path)
    if n is None or (head is not None and head.n == n):
        return file_path(folder, row)
    return kept_path(study, row.path, n)


def restore_version(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    row: FileRow,
    n: int,
    *,
    actor: str,
    version: str,
    if_changed: IfChanged = "refuse",
    note: str = "",
) -> Saved:
    """Bring an earlier version back as a new one; the present one is kept.

    Raises
    ------
    NotFound
        If it is not kept.
    Changed
        If the present version is not the one that was looked at.
    """
    source = kept_path(_study(folder, row), row.path, n)
    about = next(one for one in list_kept(_study(folder, row), row.path) if one.n == n)
    wanted = Wanted(
        study_id=row.study_id,
        path=row.path,
        actor=actor,
        origin=about.origin,
        version=version,
        if_changed=if_changed,
        note=note or f"version {n} again",
        verb="restore",
    )
    with source.open("rb") as stream:
        return save(catalog, folder, limits, wanted, lambda out: shutil.copyfileobj(stream, out))


def undo_save(
    catalog: Catalog, folder: DataFolder, limits: Limits, operation: Operation, actor: str
) -> None:
    """Take a save back: what it replaced is there again, and what it saved is kept.

    Raises
    ------
    Conflict
        If the file was changed since, or what it replaced is not kept any more.
    """
    target = operation.target
    with catalog.read() as con:
        check_undo(con, operation)
        row = get_file(con, target["file_id"])
        saved = _before(con, operation.id).get("sha256")
    if sha256_file(file_path(folder, row)) != saved:
        raise Conflict(f"{row.path!r} was changed later", hint="Take the later change back first.")
    if target["replaced"] is None:
        catalog.write(lambda tx: trash_files(tx, [row.id], actor))
    else:
        restore_version(
            catalog, folder, limits, row, target["replaced"], actor=actor, version=row.version
        )
    catalog.write(lambda tx: mark_undone(tx, operation, actor))


def _study(folder: DataFolder, row: FileRow) -> Path:
    return study_dir(folder, row.project, row.pid, row.sid)


def _version(one: Head, *, is_current: bool) -> Version:
    names = ("n", "saved_at", "saved_by", "origin", "note", "size_bytes", "sha256")
    facts = {name: getattr(one, name) for name in names}
    version = f"{one.mtime_ns:x}-{one.size_bytes:x}"
    return Version(**facts, is_current=is_current, version=version)


def _before(con: sqlite3.Connection, operation_id: int) -> dict[str, Any]:
    row = con.execute("SELECT before FROM operations WHERE id = ?", (operation_id,)).fetchone()
    found: dict[str, Any] = msgspec.json.decode(row["before"])
    return found
