"""The sweep: what has lain in the trash long enough leaves the disk, by way of ``trash/``.

Nothing is ever deleted inside ``projects/``: the bytes are renamed into ``trash/<operation>/``
first, and only what lies there is removed. DICOM originals are not touched.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

import msgspec

from appliance.catalog import (
    Catalog,
    TrashedFile,
    TrashedStudy,
    due_for_purge,
    files_of_study,
    forget_trashed,
    mark_purged,
    trashed_rows,
)
from appliance.core import DataFolder, fsync_dir, now_ms, safe_join
from appliance.viewing import versions_of

__all__ = ["DAY_MS", "GRACE_DAYS", "Swept", "bring", "purge", "stage", "sweep_trash"]

_LOG = logging.getLogger(__name__)
DAY_MS = 86_400_000
GRACE_DAYS = 7
_ROWS_AT_ONCE = 1000


class Swept(msgspec.Struct, frozen=True):
    """What left the disk."""

    n_files: int
    size_bytes: int


def sweep_trash(catalog: Catalog, folder: DataFolder, keep_days: int) -> int:
    """Make final what was put into the trash more than `keep_days` ago; count the operations.

    Its bytes lie in ``trash/`` for another week, where an administrator finds them, and are
    removed then. With 0 days nothing is ever swept.
    """
    if keep_days <= 0:
        return 0
    with catalog.read() as con:
        due = due_for_purge(con, now_ms() - keep_days * DAY_MS)
    for operation_id in due:
        _make_final(catalog, folder, operation_id)
    _finish_interrupted(catalog, folder)
    _remove_old(folder)
    return len(due)


def purge(catalog: Catalog, folder: DataFolder, operation_id: int) -> Swept:
    """Delete at once and for good what one operation put into the trash.

    Raises
    ------
    Conflict
        If it does not lie in the trash.
    StorageError
        If the disk of the projects is not mounted.
    """
    _make_final(catalog, folder, operation_id)
    staged = stage(folder, operation_id)
    files = [path for path in staged.rglob("*") if path.is_symlink() or path.is_file()]
    size = sum(path.lstat().st_size for path in files)
    shutil.rmtree(staged, ignore_errors=False) if staged.exists() else None
    return Swept(len(files), size)


def _make_final(catalog: Catalog, folder: DataFolder, operation_id: int) -> None:
    folder.check_marker(folder.projects)
    catalog.write(lambda tx: mark_purged(tx, operation_id))
    with catalog.read() as con:
        studies, files = trashed_rows(con, operation_id)
        inside = {study.id: files_of_study(con, study.id) for study in studies}
    for study in studies:
        _stage_study(folder, operation_id, study)
        _forget(catalog, inside[study.id])
    for file in files:
        _stage_file(folder, operation_id, file)
    _forget(catalog, [file.id for file in files])


def _finish_interrupted(catalog: Catalog, folder: DataFolder) -> None:
    """Go on with operations that were made final but whose rows are still there."""
    with catalog.read() as con:
        rows = con.execute(
            "SELECT DISTINCT o.id FROM operations o JOIN files f"
            " ON f.trashed_at = json_extract(o.target, '$.trashed_at')"
            " WHERE o.verb = 'trash' AND o.purged_at IS NOT NULL AND f.project_id = o.project_id"
        ).fetchall()
    for row in rows:
        _make_final(catalog, folder, row[0])


def _forget(catalog: Catalog, ids: list[int]) -> None:
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        piece = ids[start : start + _ROWS_AT_ONCE]
        catalog.write(lambda tx, piece=piece: forget_trashed(tx, piece))  # type: ignore[misc]


def _stage_study(folder: DataFolder, operation_id: int, study: TrashedStudy) -> None:
    source = safe_join(folder.projects, study.project, study.pid, study.sid)
    target = stage(folder, operation_id) / study.project / study.pid / study.sid
    bring(source, target)
    _drop_if_empty(source.parent)


def _stage_file(folder: DataFolder, operation_id: int, file: TrashedFile) -> None:
    """Move one file; a link of existing data goes, what it leads to stays."""
    root = safe_join(folder.projects, file.project, file.pid, file.sid)
    parent, _, name = file.path.rpartition("/")
    source = (safe_join(root, parent) if parent else root) / name
    target = stage(folder, operation_id) / file.project / file.pid / file.sid / file.path
    bring(source, target)
    bring(versions_of(root, file.path), target.with_name(f"{target.name}.versions"))
    if parent:
        _drop_if_empty(source.parent)


def bring(source: Path, target: Path) -> None:
    """Move a file or folder, within a disk or to another; nothing to do when it is gone."""
    if not (source.exists() or source.is_symlink()):
        return  # moved before a power cut, or gone by other means
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.is_dir():
        target = target.with_name(f"{target.name}.{now_ms()}")
    try:
        source.rename(target)
    except OSError:  # projects/ lies on another disk
        shutil.move(source, target)
    fsync_dir(source.parent)
    fsync_dir(target.parent)


def _drop_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def stage(folder: DataFolder, operation_id: int) -> Path:
    """Give the folder in ``trash/`` that takes what an operation threw away."""
    return folder.trash / str(operation_id)


def _remove_old(folder: DataFolder) -> None:
    before = time.time() - GRACE_DAYS * 86_400
    for entry in os.scandir(folder.trash):
        if entry.name.isdecimal() and entry.stat(follow_symlinks=False).st_mtime < before:
            shutil.rmtree(entry.path, ignore_errors=True)
            _LOG.info("removed operation %s from the trash for good", entry.name)
