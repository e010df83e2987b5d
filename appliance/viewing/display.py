"""The display cache: every image as a plain NIfTI-1 file that a viewer reads without unpacking.

A file that is one already is served as it lies. Others are unpacked or converted once per version;
the oldest entries go when the cache grows beyond its size.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from appliance.catalog import FileRow
from appliance.core import DataFolder, DiskFull, FormatError, NotFound, atomic_write
from appliance.formats import ComplexPart, is_dicom_name

__all__ = ["cached", "display_surface", "display_volume", "shrink_cache"]

_HEAD_BYTES = 348
_CHUNK_BYTES = 1 << 20
_MAX_CACHE_BYTES = 20 << 30
_RESERVE_BYTES = 512 << 20
_MAX_TAIL_BYTES = 1 << 20
_STALE_S = 86_400.0
_MOST_OBJECTS = 5000


def display_volume(
    folder: DataFolder, row: FileRow, path: Path, part: ComplexPart = "magnitude"
) -> Path:
    """Give a plain NIfTI-1 file with the content of an image.

    Parameters
    ----------
    folder : DataFolder
    row : FileRow
        The file in the catalog; its version names the cache entry.
    path : Path
        Where it lies.
    part : str
        Of complex values: magnitude, phase, real or imaginary; others have no parts.

    Returns
    -------
    Path
        `path` itself, or a file of the cache.

    Raises
    ------
    NotFound
        If the file is gone from the disk, or is no image.
    FormatError
        If it cannot be read.
    DiskFull
        If the cache cannot take it.
    """
    if row.kind not in ("image", "mask", "labels") and not is_dicom_name(path):
        raise NotFound(f"{row.name} is no image", hint="Open it as what it is.")
    if _served_as_is(path):
        return path
    suffix = ".nii" if part == "magnitude" else f".{part}.nii"
    return cached(folder, row, suffix, lambda entry: _convert(folder, path, entry, part))


def display_surface(folder: DataFolder, row: FileRow, path: Path) -> Path:
    """Give a surface as an MZ3 file: world RAS+ mm, every index checked.

    Raises
    ------
    NotFound
        If the file is gone from the disk, or is no surface.
    FormatError
        If it cannot be read, or names a vertex that does not exist.
    """
    from appliance.formats import read_mesh, write_mz3

    if row.kind != "surface":
        raise NotFound(f"{row.name} is no surface", hint="Open it as what it is.")
    if not path.is_file():
        raise NotFound(f"{row.name} is no longer on the disk", hint="Run 'nora rescan'.")
    return cached(folder, row, ".mz3", lambda entry: write_mz3(entry, read_mesh(path)))


def cached(folder: DataFolder, row: FileRow, suffix: str, make: Callable[[Path], None]) -> Path:
    """Give an entry of the cache, made under a lock when it is not there yet.

    Parameters
    ----------
    suffix : str
        Ending of the entry, such as ``".png"``.
    make : callable
        Writes the entry under the name it is given.
    """
    home = folder.cache / "display"
    home.mkdir(exist_ok=True)
    entry = home / f"{row.key}-{row.version}{suffix}"
    with _one_at_a_time(home / f"{row.key}{suffix}.lock"):
        if not entry.exists():
            for old in home.glob(f"{row.key}-*{suffix}"):
                old.unlink(missing_ok=True)
            make(entry)
        os.utime(entry)  # the clock of "least recently used"; relatime makes atime useless
    return entry


def shrink_cache(folder: DataFolder, limit_bytes: int = _MAX_CACHE_BYTES) -> int:
    """Remove the least recently used entries until the cache fits.

    Returns
    -------
    int
        Bytes removed. An entry that is being read stays readable to its reader.
    """
    entries = []
    for path in (folder.cache / "display").glob("*-*"):
        with contextlib.suppress(FileNotFoundError):
            facts = path.stat()
            if not _in_the_making(path, facts.st_mtime):
                entries.append((facts.st_mtime_ns, facts.st_size, path))
    total = sum(size for _, size, _ in entries)
    removed = 0
    for _, size, path in sorted(entries):
        if total - removed <= limit_bytes:
            break
        path.unlink(missing_ok=True)
        removed += size
    return removed


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Let one thread or process at a time make an entry; the others find it made."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _in_the_making(path: Path, modified_s: float) -> bool:
    """Tell whether another thread may still be writing this; what a crash left is a day old."""
    return path.name.startswith(".") and time.time() - modified_s < _STALE_S


def _served_as_is(path: Path) -> bool:
    """Tell whether the viewer reads a file as it lies."""
    from appliance.formats import plain_nifti_bytes

    try:
        with path.open("rb") as stream:
            needed = plain_nifti_bytes(stream.read(_HEAD_BYTES))
    except FileNotFoundError:
        raise NotFound(
            f"{path.name} is no longer on the disk", hint="Run 'nora rescan', or restore it."
        ) from None
    if needed is not None and path.stat().st_size < needed:
        raise _cut_off(path)
    return needed is not None


def _cut_off(path: Path) -> FormatError:
    return FormatError(
        f"{path.name} is cut off: its header promises more than the file holds",
        hint="Import it again from its source.",
    )


def _convert(folder: DataFolder, path: Path, entry: Path, part: ComplexPart) -> None:
    shrink_cache(folder)
    if path.name.endswith(".nii.gz") and _unpack(folder, path, entry):
        return
    from appliance.formats import kind_of, read_dicom_volume, read_volume, write_nifti

    if kind_of(path) == "other":
        beside = sorted(one for one in path.parent.iterdir() if is_dicom_name(one))
        volume = read_dicom_volume([path, *beside[:_MOST_OBJECTS]])
    else:
        volume = read_volume(path, part)
    write_nifti(entry, volume, durable=False)


def _unpack(folder: DataFolder, path: Path, entry: Path) -> bool:
    """Unpack a compressed NIfTI as it is; False when what is inside is no plain one."""
    from appliance.formats import plain_nifti_bytes

    try:
        with gzip.open(path) as packed:
            head = packed.read(_HEAD_BYTES)
            needed = plain_nifti_bytes(head)
            if needed is None:
                return False
            _check_room(folder, needed)
            with atomic_write(entry, durable=False) as plain:
                plain.write(head)
                if _copy(cast("BinaryIO", packed), plain, needed + _MAX_TAIL_BYTES) < needed:
                    raise _cut_off(path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(
            f"{path.name} is damaged: {error}", hint="Import it again from its source."
        ) from error
    return True


def _copy(packed: BinaryIO, plain: BinaryIO, limit: int) -> int:
    """Copy to the end, where the checksum is looked at, but not beyond `limit`."""
    done = plain.tell()
    while done < limit and (chunk := packed.read(_CHUNK_BYTES)):
        plain.write(chunk)
        done += len(chunk)
    return done


def _check_room(folder: DataFolder, wanted: int) -> None:
    if shutil.disk_usage(folder.cache).free < wanted + _RESERVE_BYTES:
        raise DiskFull(
            "no space to unpack the image for display",
            hint=f"Free some space on the disk of {folder.root}.",
        )
