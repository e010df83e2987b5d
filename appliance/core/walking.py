"""Files of a study's folder, as the catalog counts them: a pyramid is a folder and yet one file.

A multiscale pyramid has thousands of chunks that mean nothing one by one. So the folder of one is
a file to the catalog: what is moved, thrown away, sent, hashed or measured is all of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR
from typing import NamedTuple

__all__ = [
    "FileContent",
    "content_of",
    "file_around",
    "is_any_file",
    "is_folder_file",
    "members",
    "old_head",
    "sha256_file",
    "walk_files",
]

_PYRAMID = "neuro-"
_INFO, _TYPE, _MAX_INFO_BYTES = "info", "neuroglancer_multiscale_volume", 1 << 20
_ZARR, _ATTRIBUTES = ".zarr", ".zattrs"
_ZARR_HEADS = (".zgroup", "zarr.json", ".zarray")


class FileContent(NamedTuple):
    """Size of a file and when it changed last; of a folder file: of all that lies in it."""

    size_bytes: int
    mtime_ns: int


def walk_files(root: Path) -> Iterator[Path]:
    """Walk all files below a folder, hidden ones too; a folder file is given as one.

    `is_folder_file` tells what that is; nothing inside one is walked.
    """
    for folder, folders, names in os.walk(root):
        if folder != os.fspath(root) and _is_whole(folder, names):
            folders.clear()
            yield Path(folder)
            continue
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path


def is_folder_file(path: Path, name: str | None = None) -> bool:
    """Tell whether a folder is one file: a precomputed pyramid or a Zarr.

    A folder is a pyramid by its ``info``, which says so or lies in a folder ``neuro-…``; and a Zarr
    by its ``.zgroup``, ``zarr.json`` or ``.zarray``, or the ``.zattrs`` of a folder ``….zarr``.

    Parameters
    ----------
    path : Path
    name : str, optional
        What it is going to be called, where that is not its name now.
    """
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        names = [one.name for one in path.iterdir()]
    except OSError:
        return False
    return _is_whole(os.fspath(path), names, name)


def is_any_file(path: Path) -> bool:
    """Tell whether there is a file, be it one that is a folder."""
    return path.is_file() or is_folder_file(path)


def file_around(root: Path, path: Path) -> Path | None:
    """Give the folder file below `root` that `path` is, or lies in; None for any other path."""
    if not path.is_relative_to(root):
        return None
    above = [
        root.joinpath(*path.relative_to(root).parts[: n + 1]) for n in range(_depth(root, path))
    ]
    return next((one for one in above if is_folder_file(one)), None)


def members(path: Path) -> Iterator[tuple[str, Path]]:
    """Give the plain files that a file consists of, in the order of their names.

    Yields
    ------
    str, Path
        Its name within a folder file, with ``/``, empty for a plain file; and where it lies. Links
        in a folder file are left out: what they lead to is no part of it.
    """
    if not is_folder_file(path):
        yield "", path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            member = Path(folder, name)
            if member.is_file() and not member.is_symlink():
                yield member.relative_to(path).as_posix(), member


def content_of(path: Path) -> FileContent:
    """Measure a file, all of a folder file.

    Raises
    ------
    OSError
        If it is gone.
    """
    facts = path.stat()
    if not (S_ISDIR(facts.st_mode) and is_folder_file(path)):
        return FileContent(facts.st_size, facts.st_mtime_ns)
    found = [member.stat() for _, member in members(path)]
    size = sum(one.st_size for one in found)
    return FileContent(size, max((one.st_mtime_ns for one in found), default=0))


def sha256_file(path: Path) -> str:
    r"""Hash a file's bytes, as lower-case hexadecimal.

    Of a folder file the list of its members is hashed, in the form that ``sha256sum`` writes,
    sorted by the bytes of their names:
    ``find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum``.
    """
    if not is_folder_file(path):
        return _sha256(path)
    lines = sorted((name.encode(), _sha256(member)) for name, member in members(path))
    return hashlib.sha256(
        b"".join(digest.encode() + b"  " + name + b"\n" for name, digest in lines)
    ).hexdigest()


def old_head(path: str) -> str:
    """Give the folder for which a path stood in catalogs of earlier versions; empty if for none.

    They named a pyramid by its ``info`` and a Zarr by its attributes.
    """
    folder, _, name = path.rpartition("/")
    return folder if name in (_INFO, _ATTRIBUTES, *_ZARR_HEADS) else ""


def _depth(root: Path, path: Path) -> int:
    return len(path.relative_to(root).parts)


def _is_whole(folder: str, names: list[str], called: str | None = None) -> bool:
    name = called or Path(folder).name
    if any(head in names for head in _ZARR_HEADS):
        return True
    if name.endswith(_ZARR) and _ATTRIBUTES in names:
        return True
    return _INFO in names and (name.startswith(_PYRAMID) or _says_pyramid(Path(folder, _INFO)))


def _says_pyramid(info: Path) -> bool:
    try:
        if info.stat().st_size > _MAX_INFO_BYTES:
            return False
        told = json.loads(info.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("@type") == _TYPE


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
