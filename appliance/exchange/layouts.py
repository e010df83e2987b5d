"""Folder trees of existing data: walking them, and telling subject and study from a path."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from appliance.core import Invalid
from appliance.exchange.names import is_incomplete, is_junk

__all__ = [
    "NO_STUDY",
    "Layout",
    "PatternLayout",
    "Place",
    "Tree",
    "TreeFile",
    "TreeFolder",
    "compile_layout",
]

_MOST_KEPT = 500_000  # files; a larger tree is walked again instead
_name_of = operator.attrgetter("name")
NO_STUDY = "visit"  # the study of a source that tells none
_NO_MATCH = "the pattern does not match its path"
_SUBJECT = ("subject", "patients_id", "patient", "pid")
_STUDY = ("study", "studies_id", "session", "sid")
_WORDS = {
    "{subject}": r"(?P<subject>[^/]+)",
    "{study}": r"(?P<study>[^/]+)",
    "{date}": r"(?P<date>\d{4}-?\d{2}-?\d{2})",
    "{file}": r"(?P<file>.+)",
    "**": r".*",
    "*": r"[^/]*",
    "?": r"[^/]",
}
_SPLIT = re.compile(r"(\{subject\}|\{study\}|\{date\}|\{file\}|\*\*|\*|\?)")
Trouble = Callable[[str, str], None]


class TreeFile(msgspec.Struct, frozen=True, gc=False):
    """One file of a folder."""

    name: str
    size_bytes: int
    mtime_ns: int


class TreeFolder(msgspec.Struct, frozen=True):
    """The finished files of one folder; `path` is relative to the tree's root, ``""`` for it."""

    path: str
    files: list[TreeFile]


class Place(msgspec.Struct, frozen=True):
    """Where a file goes, in the words of its source."""

    subject: str
    study: str
    path: str
    date: str | None = None


class Layout(Protocol):
    """Tells the place of a file from its path below the root, or why it has none."""

    def place(self, path: str, /) -> Place | str:
        """Give a place, or the reason for having none."""


class Tree:
    """All finished files below a folder, walked once and kept unless they are very many.

    Files are sorted, a folder's own before those of its folders; hidden ones and leftovers are
    left out. Links to files are followed while they stay below the root; links to folders are not.

    Parameters
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kept: list[TreeFolder] | None = None
        self._troubles: list[tuple[str, str]] = []

    def measure(self) -> tuple[int, int]:
        """Count the files and their bytes."""
        n_files = n_bytes = 0
        kept: list[TreeFolder] | None = []
        self._kept, self._troubles = None, []
        for folder in _scan(self.root, lambda *told: self._troubles.append(told)):
            n_files += len(folder.files)
            n_bytes += sum(file.size_bytes for file in folder.files)
            kept = None if kept is None or n_files > _MOST_KEPT else kept
            if kept is not None:
                kept.append(folder)
        self._kept = kept
        return n_files, n_bytes

    def folders(self, trouble: Trouble) -> Iterator[TreeFolder]:
        """Give the folders that hold files.

        Parameters
        ----------
        trouble : callable
            Hears the path and the reason of whatever cannot be taken.
        """
        if self._kept is None:
            yield from _scan(self.root, trouble)
            return
        for path, reason in self._troubles:
            trouble(path, reason)
        yield from self._kept


def _scan(root: Path, trouble: Trouble) -> Iterator[TreeFolder]:
    real_root = root.resolve()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(f"{root}/{folder}") as found:
                entries = sorted(found, key=_name_of)
        except OSError as error:
            trouble(folder or ".", f"cannot be read: {error.strerror}")
            continue
        folders, files = [], []
        for entry in entries:
            name = entry.name
            if name.startswith(".") or is_junk(name):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{folder}/{name}" if folder else name)
            elif (file := _look(entry, folder, real_root, trouble)) is not None:
                files.append(file)
        if files:
            yield TreeFolder(folder, files)
        waiting += reversed(folders)


def _look(entry: os.DirEntry[str], folder: str, root: Path, trouble: Trouble) -> TreeFile | None:
    name = entry.name
    if is_incomplete(name):
        return None
    path = f"{folder}/{name}" if folder else name
    problem = "" if path.isascii() and "\\" not in path else _name_problem(path)
    try:
        if not problem and entry.is_symlink():
            problem = _link_problem(Path(entry.path), root)
        if problem:
            trouble(path.encode("utf-8", "replace").decode(), problem)
            return None
        facts = entry.stat()
    except OSError as error:
        trouble(path, f"cannot be read: {error.strerror}")
        return None
    return TreeFile(name, facts.st_size, facts.st_mtime_ns) if entry.is_file() else None


def _name_problem(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not written in UTF-8"
    return "its name holds a backslash" if "\\" in path else ""


def _link_problem(path: Path, root: Path) -> str:
    real = path.resolve()
    if not real.exists():
        return "it is a link to nothing"
    if real.is_dir():
        return "it is a link to a folder"
    return "" if real.is_relative_to(root) else "it is a link that leads out of the folder"


class PatternLayout:
    """A pattern with the groups ``subject`` and, if there is one, ``study``.

    Parameters
    ----------
    pattern : str
        As `compile_layout` takes it.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = compile_layout(pattern)
        groups = self._pattern.groupindex
        self._subject = next(name for name in _SUBJECT if name in groups)
        self._study = next((name for name in _STUDY if name in groups), None)
        self._date, self._file = "date" in groups, "file" in groups

    def place(self, path: str) -> Place | str:
        """Match a path below the root."""
        found = self._pattern.match(path)
        if found is None or not found[self._subject]:
            return _NO_MATCH
        date = _iso_date(found["date"]) if self._date else None
        study = (found[self._study] if self._study else None) or date or NO_STUDY
        return Place(found[self._subject], study, self._rest(found, path), date)

    def _rest(self, found: re.Match[str], path: str) -> str:
        """The path in the study: what the pattern calls the file, or what follows the names."""
        if self._file and found["file"]:
            return str(found["file"])
        end = max(found.end(name) for name in (self._subject, self._study) if name)
        rest = path[end:]
        return rest[1:] if rest.startswith("/") and len(rest) > 1 else path.rpartition("/")[2]


def compile_layout(pattern: str) -> re.Pattern[str]:
    """Compile ``{subject}/{study}/{file}`` with ``*``, or a regular expression with named groups.

    Raises
    ------
    Invalid
        If it does not compile or names no subject.
    """
    text = pattern.strip().strip("/")
    is_regex = "(?<" in text or "(?P<" in text
    source = re.sub(r"\(\?<(?![=!])", "(?P<", text) if is_regex else _from_template(text)
    try:
        compiled = re.compile(source)
    except re.error as error:
        at = f" at character {error.pos + 1}" if error.pos is not None and is_regex else ""
        raise Invalid(
            f"the pattern does not compile{at}: {error.msg}", hint="Check its brackets."
        ) from error
    if not any(name in compiled.groupindex for name in _SUBJECT):
        raise Invalid(
            "the pattern names no subject",
            hint="Write {subject}/{study}/{file}, or groups such as (?<subject>...).",
        )
    return compiled


def _from_template(text: str) -> str:
    if not text:
        return "(?!)"
    if "{file}" not in text:
        text += "/{file}"
    parts: list[str] = []
    for part in _SPLIT.split(text):
        again = part in _WORDS and part.startswith("{") and _WORDS[part] in parts
        parts.append(f"(?P={part[1:-1]})" if again else _WORDS.get(part) or re.escape(part))
    return "".join(parts) + r"\Z"


def _iso_date(text: str | None) -> str | None:
    digits = re.sub(r"\D", "", text or "")
    if len(digits) != 8 or not ("01" <= digits[4:6] <= "12" and "01" <= digits[6:] <= "31"):
        return None
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
