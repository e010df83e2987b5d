"""Backups of the databases and settings: copied online, proved, and only then given their name."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from appliance import __version__
from appliance.core import (
    DataFolder,
    DiskFull,
    StorageError,
    UpkeepError,
    atomic_write,
    fsync_dir,
    fsync_file,
    iso,
    new_key,
    now_ms,
    sha256_file,
)
from appliance.upkeep.manifest import (
    FORMAT,
    MANIFEST,
    Manifest,
    Stored,
    prove,
    read_manifest,
    row_counts,
)
from appliance.upkeep.schema import applied_migrations
from appliance.upkeep.swap import small_files
from appliance.upkeep.values import BackupInfo

__all__ = ["backup", "list_backups"]

_LOG = logging.getLogger(__name__)
_PART = ".part-"
_PREFIX = "backup-"


def backup(folder: DataFolder, dest: Path | None = None, keep: int = 14) -> BackupInfo:
    """Copy the databases while they are in use, prove the copies, and keep the newest ones.

    Parameters
    ----------
    folder : DataFolder
        What is copied: catalog, identities, queue, ``conf.d`` and ``tools``. Projects and
        originals are plain files and are not part of it.
    dest : Path, optional
        Folder that receives the backup; the data folder's ``backups`` by default.
    keep : int
        How many finished backups stay there; 0 keeps all.

    Returns
    -------
    BackupInfo

    Raises
    ------
    UpkeepError
        If a database cannot be copied or a copy does not pass; nothing is left behind.
    StorageError
        If the disk is full or not mounted.
    """
    if dest is None:
        folder.check_marker(folder.backups)
    target = (dest or folder.backups).absolute()
    target.mkdir(parents=True, exist_ok=True)
    name = f"{_PREFIX}{iso(now_ms())[:19].replace(':', '')}Z-{new_key()[-4:]}"
    with _space_errors(target), _scratch(target) as part:
        manifest = _copy_all(folder, part)
        prove(part, manifest)
        _sync_tree(part)
        part.rename(target / name)
    fsync_dir(target)
    _LOG.info("backup %s made and proved", name)
    _keep_newest(target, keep)
    return _info(target / name)


def list_backups(dest: Path) -> list[BackupInfo]:
    """List the finished backups in a folder, newest first."""
    found = []
    for path in dest.glob(f"{_PREFIX}*/{MANIFEST}"):
        try:
            found.append(_info(path.parent))
        except UpkeepError:
            _LOG.warning("%s cannot be read as a backup", path.parent.name)
    return sorted(found, key=lambda info: (info.created_at, info.name), reverse=True)


def _copy_all(folder: DataFolder, part: Path) -> Manifest:
    files: dict[str, Stored] = {}
    # The catalog first: an identity made in between is one too many, never one too few.
    for source in (folder.catalog_path, folder.identity_path, folder.queue_path):
        if source.is_file():
            files[source.name] = _copy_database(source, part / source.name)
    for source in small_files(folder):
        name = source.relative_to(folder.root).as_posix()
        copy = part / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        files[name] = _stored(copy)
    if folder.catalog_path.name not in files:
        raise UpkeepError(f"{folder.root} holds no catalog", hint="Name a data folder with --data.")
    manifest = Manifest(format=FORMAT, version=__version__, created_at=now_ms(), files=files)
    with atomic_write(part / MANIFEST) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


def _copy_database(source: Path, copy: Path) -> Stored:
    copy.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(source, timeout=30, isolation_level=None)) as con:
            con.execute("BEGIN")  # one view for the copy and the counts
            rows, migrations = row_counts(con), applied_migrations(con)
            with closing(sqlite3.connect(copy, isolation_level=None)) as target:
                con.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # one file that stands alone
            con.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise DiskFull(f"no space for a copy of {source.name}", hint="Free space.") from error
        raise UpkeepError(
            f"cannot copy {source.name}: {error}",
            hint="The database may be damaged; older backups are kept. See 'nora restore'.",
        ) from error
    return _stored(copy, rows, migrations)


def _stored(
    path: Path, rows: dict[str, int] | None = None, migrations: list[str] | None = None
) -> Stored:
    return Stored(
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        rows=rows,
        migrations=migrations or [],
    )


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """Give a folder of another name that vanishes unless it was renamed."""
    for stale in target.glob(f"{_PART}*"):
        shutil.rmtree(stale)
    part = target / f"{_PART}{new_key()}"
    part.mkdir(mode=0o700)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _space_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = DiskFull if error.errno == 28 else StorageError
        raise kind(f"cannot write to {target}: {error.strerror}", hint="Check the disk.") from error


def _sync_tree(part: Path) -> None:
    for path in part.rglob("*"):
        if path.is_file():
            fsync_file(path)
    for path in (part, *(p for p in part.rglob("*") if p.is_dir())):
        fsync_dir(path)


def _keep_newest(target: Path, keep: int) -> None:
    if keep <= 0:
        return
    for old in list_backups(target)[keep:]:
        shutil.rmtree(old.path)
        _LOG.info("removed old backup %s", old.name)


def _info(path: Path) -> BackupInfo:
    manifest = read_manifest(path)
    return BackupInfo(
        name=path.name,
        path=str(path),
        created_at=manifest.created_at,
        size_bytes=sum(stored.size_bytes for stored in manifest.files.values()),
        verified=True,  # a backup gets its name only after it was proved
        version=manifest.version,
    )
