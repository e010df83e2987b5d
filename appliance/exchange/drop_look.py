"""One complete look at a watched folder: its top-level entries and the files below them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from appliance.exchange.collect import Found, walk_files
from appliance.exchange.names import is_incomplete, is_junk

__all__ = ["Entry", "look"]

LOOSE = ""  # the name under which single files of the top level are one arrival


class Entry(msgspec.Struct, kw_only=True):
    """What arrives together: a folder, a zip, or all loose files.

    Attributes
    ----------
    name : str
        Name at the top level; '' for loose files.
    files : list of Found
        Files that look finished by their names.
    unfinished : list of Found
        Files whose names say that they are still being written; they only keep things unsettled.
    problems : list of (Path, str)
        What cannot be read.
    """

    name: str
    files: list[Found] = []
    unfinished: list[Found] = []
    problems: list[tuple[Path, str]] = []

    def signature(self) -> Mapping[Path, tuple[int, int]]:
        """Give what must stay the same for the entry to count as settled."""
        seen = (*self.files, *self.unfinished)
        return {file.path: (file.size_bytes, file.mtime_ns) for file in seen}

    def blocked(self) -> list[Found]:
        """Give the unreadable folders and files as if they were files, to remember them."""
        return [Found(path, -1, _mtime(path)) for path, _ in self.problems]


def look(root: Path) -> tuple[list[Entry], list[tuple[Path, str]]]:
    """Look at a folder.

    Returns
    -------
    (list of Entry, list of (Path, str))
        The entries, and what of the folder itself cannot be read.
    """
    try:
        top = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as error:
        return [], [(root, error.strerror or type(error).__name__)]
    loose = Entry(name=LOOSE)
    entries = []
    for one in top:
        path = Path(one.path)
        if is_junk(one.name) or one.name.startswith("."):
            continue
        if one.is_dir(follow_symlinks=False):
            entries.append(_folder(path))
        elif one.name.lower().endswith(".zip"):
            entries.append(_single(path))
        else:
            _add(loose, path)
    return [*entries, loose], []


def _folder(path: Path) -> Entry:
    entry = Entry(name=path.name)
    entry.files.extend(walk_files(path, lambda at, why: entry.problems.append((at, why))))
    for base, _, names in os.walk(path):
        for name in names:
            if is_incomplete(name):
                _note(entry.unfinished, Path(base, name))
    return entry


def _single(path: Path) -> Entry:
    entry = Entry(name=path.name)
    _add(entry, path)
    return entry


def _add(entry: Entry, path: Path) -> None:
    if path.is_file():
        _note(entry.unfinished if is_incomplete(path.name) else entry.files, path)


def _note(files: list[Found], path: Path) -> None:
    try:
        facts = path.stat()
    except OSError:
        return  # gone between two moments, or renamed: the next look sees what became of it
    files.append(Found(path, facts.st_size, facts.st_mtime_ns))


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
