"""Writing files so that they survive a power cut, and joining names from outside safely."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from appliance.core.errors import Invalid
from appliance.core.ids import new_key

__all__ = [
    "atomic_write",
    "fsync_dir",
    "fsync_file",
    "link_or_copy",
    "safe_join",
    "safe_name",
]

_CHUNK_BYTES = 1 << 20
_MAX_NAME_BYTES = 200
_RESERVED = re.compile(r"[^0-9A-Za-z._+=@-]+")


def fsync_dir(folder: Path) -> None:
    """Make renames and new names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    """Make the bytes of a finished file durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_write(path: Path, *, mode: int = 0o644, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary neighbour for writing and rename it onto `path` when the block ends well.

    Parameters
    ----------
    path : Path
        Final name; its folder exists.
    mode : int
        Permission bits of the new file.
    durable : bool
        Whether file and folder are fsynced. Only caches may say no.

    Yields
    ------
    BinaryIO
        Binary file; on an exception it is removed and `path` stays as it was.
    """
    part = path.with_name(f".{path.name[:64]}.{new_key()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if durable:
        fsync_dir(path.parent)


def safe_join(root: Path, *names: str) -> Path:
    """Join names from outside below a folder of ours.

    Parameters
    ----------
    root : Path
        Folder that must contain the result.
    *names : str
        Relative names; each may hold ``/``.

    Returns
    -------
    Path
        Path below `root`. Links are followed for the check, so that none leads outside.

    Raises
    ------
    Invalid
        If a name is absolute, empty, holds NUL or a backslash, or leads out of `root`.
    """
    for name in names:
        if not name or "\0" in name or "\\" in name or name.startswith("/"):
            raise Invalid(f"not a relative name: {name!r}", hint="Use a relative path with '/'.")
        if any(part in ("", ".", "..") for part in name.rstrip("/").split("/")):
            raise Invalid(f"name leads elsewhere: {name!r}", hint="Remove '..' and empty parts.")
    joined = root.joinpath(*names)
    if not joined.resolve().is_relative_to(root.resolve()):
        raise Invalid(f"name leads out of its folder: {'/'.join(names)!r}")
    return joined


def safe_name(text: str, *, fallback: str = "unnamed") -> str:
    """Turn free text into one name for a file or folder: ASCII, no separators, no leading dot."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = _RESERVED.sub("_", plain).strip("._- ")
    return name[:_MAX_NAME_BYTES] or fallback


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name below our folder; copy where a hard link is impossible.

    The source is never changed. A copy is durable when this returns; the folder of `target`
    still has to be fsynced by the caller, once for many files.
    """
    try:
        os.link(source, target, follow_symlinks=True)
    except OSError:
        with source.open("rb") as reader, target.open("xb") as writer:
            shutil.copyfileobj(reader, writer, _CHUNK_BYTES)
            writer.flush()
            os.fsync(writer.fileno())
