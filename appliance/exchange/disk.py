"""Moving and copying files so that a crash or a full disk at any moment loses nothing."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.core import (
    DataFolder,
    DiskFull,
    Settings,
    StorageError,
    fsync_dir,
    fsync_file,
    link_or_copy,
)

__all__ = [
    "claim",
    "is_full",
    "move_file",
    "move_synced",
    "require_space",
    "storing",
    "sync_disk",
    "sync_folders",
]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_WHOLE = frozenset({"ext4", "xfs", "btrfs"})  # `syncfs` of these waits, and tells of errors
_TOLD_SINCE = (5, 8)  # of the kernel: before, errors of writing back were not told
_AFTER_DASH = " - "  # in a line of mountinfo: kind, device and options follow


def require_space(folder: DataFolder, settings: Settings, need_bytes: int = 0) -> None:
    """Refuse when less than the watermark would be left free.

    Raises
    ------
    DiskFull
        With the numbers, so that a person knows how much to free.
    """
    free, keep = folder.free_bytes(), settings.data.min_free_bytes
    if free - need_bytes < keep:
        raise DiskFull(
            f"{free / 1e9:.2f} GB are free; {(keep + need_bytes) / 1e9:.2f} GB are needed",
            hint="Free some space; what waits goes on by itself. See data.min_free_bytes.",
            free_bytes=free,
            needed_bytes=keep + need_bytes,
        )


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn errors of the file system into `DiskFull` or `StorageError`."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(f"the disk is full: {what}", hint="Free some space.") from error
        raise StorageError(f"{what}: {error.strerror or type(error).__name__}") from error


def is_full(error: OSError) -> bool:
    """Tell whether a disk, or somebody's share of it, is full."""
    return error.errno in _FULL


def move_file(source: Path | str, target: Path | str) -> None:
    """Rename within the data folder; a repeat after a crash finds it done already.

    Raises
    ------
    StorageError
        If the file is at neither place.
    """
    try:
        os.replace(source, target)  # noqa: PTH105 - called for many
    except FileNotFoundError:
        if not Path(target).exists():
            name = "/".join(Path(source).parts[-2:])
            raise StorageError(f"{name} is missing") from None
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_durably(Path(source), Path(target))
        Path(source).unlink()


def claim(source: Path, target: Path, *, move: bool, synced: bool = False) -> None:
    """Bring a file from outside into our folder: renamed, or linked or copied; its bytes durable.

    `synced` says that `sync_disk` has made the bytes of all files of our disk durable already.

    Bytes are made durable before the name: a rename changes the file's entry, which a later
    sync would have to wait for, file by file. The folder is the caller's to sync. A copy appears
    under its final name only when it is whole. When the file is there already, a source that was
    to be moved is removed if it is the same file. On a read-only source a file that was to be
    moved is copied and stays.
    """
    if target.exists():
        fsync_file(target)
        _finish_move(source, target, move=move)
        return
    if not move or source.is_symlink():
        _link(source.resolve(), target)
        if move:
            _take_away(source)
        return
    try:
        _require_durable(source, synced=synced)
        source.rename(target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, *_READ_ONLY):
            raise
        _copy_durably(source, target)
        _take_away(source)


def move_synced(source: str, target: str) -> os.stat_result | None:
    """Rename a plain file whose bytes are durable to a name that is free; called for many.

    Returns
    -------
    os.stat_result or None
        What the file is; None when nothing was done, and `claim` has to look closer.
    """
    try:
        facts = os.lstat(source)
        if not stat.S_ISREG(facts.st_mode) or not os.access(source, os.R_OK):
            return None
        os.rename(source, target)  # noqa: PTH104 - called for many
    except OSError:
        return None
    return facts


def _require_durable(source: Path, *, synced: bool) -> None:
    """Make a file's bytes durable; of one that is, only see whether it can be read."""
    if not synced:
        fsync_file(source)
    elif not os.access(source, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))


def _take_away(source: Path) -> None:
    """Remove a source of which we have a copy; one that must not be changed stays."""
    try:
        source.unlink()
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise


def _finish_move(source: Path, target: Path, *, move: bool) -> None:
    if move and source.exists() and source.stat().st_size == target.stat().st_size:
        _take_away(source)


def _link(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    link_or_copy(source, part)
    fsync_file(part)
    part.replace(target)


def _copy_durably(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    shutil.copyfile(source, part)
    shutil.copystat(source, part)
    fsync_file(part)
    part.replace(target)
    fsync_dir(target.parent)


def sync_disk(folder: Path) -> bool:
    """Make all that was written to the disk of a folder durable, by one call.

    For very many files that costs far less than as many ``fsync``.

    Returns
    -------
    bool
        False when the file system is of a kind that does not promise it, or the disk reports an
        error: then every file is to be synced by itself, which tells of which one it is.
    """
    call = getattr(ctypes.CDLL(None), "syncfs", None)
    if call is None or not _tells_errors() or _kind_of(folder) not in _WHOLE:
        return False
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return bool(call(handle) == 0)
    finally:
        os.close(handle)


def _tells_errors() -> bool:
    release = re.findall(r"\d+", os.uname().release)
    return tuple(map(int, release[:2])) >= _TOLD_SINCE


def _kind_of(folder: Path) -> str:
    """Give the kind of file system that a folder lies on, such as ``ext4``."""
    device = os.stat(folder).st_dev  # noqa: PTH116 - a number is wanted
    at = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
        if line.split()[2] == at:
            return line.partition(_AFTER_DASH)[2].split()[0]
    return ""


def sync_folders(folders: Iterable[Path]) -> None:
    """Make new names in folders durable; a folder that is gone meanwhile needs no more."""
    for folder in dict.fromkeys(folders):
        if os.path.isdir(folder):  # noqa: PTH112 - called for many
            fsync_dir(folder)
