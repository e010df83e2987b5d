"""Looks at a watched folder: what lies at its top level, and what of that is not settled yet.

A folder whose files were all settled is remembered by its stamp (inode and times) and a digest of
its files; as long as the stamp stays it is not read again, except at a complete look.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import msgspec

from appliance.exchange.folder_scan import Found, Listing, read_folder
from appliance.exchange.names import is_archive

__all__ = ["LOOSE", "Entry", "FolderLook", "Holds"]

LOOSE = ""  # the name under which single files of the top level are one arrival
_RACY_S = 4.0  # a change within the granularity of its clock may leave a folder's time as it was
Stamp = tuple[int, int, int]
Holds = Callable[[str, int, int], bool]


class _Folder(msgspec.Struct, gc=False):
    """What is remembered of one folder.

    Attributes
    ----------
    stamp : (int, int, int)
        Inode and times at the last look.
    since : float
        Monotonic time at which that stamp was first seen.
    folders : list of str
        Names of its folders.
    digest : bytes
        Of its files when they were settled; empty while they are not.
    """

    stamp: Stamp
    since: float
    folders: list[str] = []
    digest: bytes = b""


@dataclass(slots=True)
class Entry:
    """What arrives together: a folder, an archive, or all loose files.

    Attributes
    ----------
    name : str
        Name at the top level; '' for loose files.
    files : list of Found
        Files, finished by their names, of the folders that are not settled.
    unfinished : int
        How many files there are whose names say that they are still being written.
    problems : list of (Path, str)
        What cannot be read, or is not taken.
    empty : bool
        Whether nothing but folders was found, in settled ones too.
    signature : bytes
        What must stay the same for the entry to count as settled.
    settled : bool
        Whether `settle` was called.
    """

    name: str
    files: list[Found] = field(default_factory=list)
    unfinished: int = 0
    problems: list[tuple[Path, str]] = field(default_factory=list)
    empty: bool = True
    signature: bytes = b""
    settled: bool = False
    beside: list[Entry] = field(default_factory=list)
    visited: list[tuple[_Folder, bytes]] = field(default_factory=list)

    def blocked(self) -> list[Found]:
        """Give what cannot be taken as if it were files, to remember it."""
        return [Found(str(path), -1, _mtime(path)) for path, _ in self.problems]

    def settle(self) -> None:
        """Say that nothing of it is to be taken: its folders need not be read again."""
        self.settled = True
        now = time.monotonic()
        for folder, digest in self.visited:
            if now - folder.since >= _RACY_S and all(other.settled for other in self.beside):
                folder.digest = digest

    def saw(self, folder: _Folder | None, files: Iterable[Found]) -> None:
        """Add the files of a folder that is not settled."""
        digest = _digest(files)
        self.signature = blake2b(self.signature + digest, digest_size=16).digest()
        if folder is not None:
            self.visited.append((folder, digest))


class FolderLook:
    """Looks at one folder again and again. Holds a few hundred bytes for each of its folders.

    Parameters
    ----------
    root : Path
        The folder.
    ours : Path
        The data folder; links from `root` into it are not followed.
    holds : callable, optional
        Tells of a file, by path, bytes and time in ns, whether it is still written, whatever it
        looks like: it is passed over.
    """

    def __init__(self, root: Path, ours: Path, holds: Holds | None = None) -> None:
        self.root, self._holds = root, holds
        self.why = ""  # what keeps the folder itself from being read
        self._ours = Path(os.path.realpath(ours))
        self._known: dict[str, _Folder] = {}
        self._seen: set[str] = set()

    def look(self, *, complete: bool = True) -> Iterator[Entry]:
        """Give the entries that are not settled, and each folder of the top level.

        Parameters
        ----------
        complete : bool
            Whether folders that did not change are read too: a file in them may have been
            written anew in place.
        """
        root, top = str(self.root), Entry(LOOSE)
        self._seen, self.why = set(), ""
        folder, listing = self._read(top, root, complete=complete)
        self.why = next((text for at, text in top.problems if at == self.root), "")
        if self.why or folder is None:
            return
        for name in folder.folders:
            yield self._folder(name, complete=complete)
        if listing is not None:
            yield from self._loose(top, folder, listing)
        if complete:
            self._known = {path: self._known[path] for path in self._seen if path in self._known}

    def touched(self, path: str) -> None:
        """Hear that something happened to a file or a folder: the next look reads its folder."""
        for at in (path, os.path.dirname(path)):  # noqa: PTH120 - called for every event
            folder = self._known.get(at)
            if folder is not None:
                folder.digest = b""

    def _loose(self, top: Entry, folder: _Folder, listing: Listing) -> Iterator[Entry]:
        """Give each archive of the top level, and last all other files there as one."""
        for file in listing.files:
            if is_archive(file.name):
                top.beside.append(Entry(file.name, [file], empty=False))
                top.beside[-1].saw(None, [file])
            else:
                top.files.append(file)
        yield from top.beside
        top.saw(folder, [*listing.files, *listing.unfinished])
        yield top

    def _folder(self, name: str, *, complete: bool) -> Entry:
        entry = Entry(name)
        waiting = [f"{self.root}/{name}"]
        while waiting:
            path = waiting.pop()
            folder, listing = self._read(entry, path, complete=complete)
            if folder is None:
                continue
            if listing is not None:
                entry.files += listing.files
                entry.unfinished += len(listing.unfinished)
                entry.saw(folder, [*listing.files, *listing.unfinished])
            entry.empty &= listing is None or not (listing.files or listing.unfinished)
            entry.empty &= folder.digest in (b"", _NOTHING)
            waiting += (f"{path}/{inner}" for inner in reversed(folder.folders))
        return entry

    def _read(
        self, entry: Entry, path: str, *, complete: bool
    ) -> tuple[_Folder | None, Listing | None]:
        """Read one folder; None for its files when they are settled and unchanged."""
        n_problems = len(entry.problems)
        stamp = _stamp(path, entry.problems)
        if stamp is None:
            self._known.pop(path, None)
            return None, None
        self._seen.add(path)
        folder = self._known.get(path)
        if folder is None or folder.stamp != stamp:
            folder = self._known[path] = _Folder(stamp, time.monotonic())
        elif folder.digest and not complete:
            return folder, None
        listing = read_folder(
            path, lambda at, why: entry.problems.append((at, why)), ours=self._ours
        )
        if (holds := self._holds) is not None:
            n_files = len(listing.files)
            listing.files = [
                f for f in listing.files if not holds(f.text, f.size_bytes, f.mtime_ns)
            ]
            entry.unfinished += n_files - len(listing.files)
        folder.folders = listing.folders
        unchanged = folder.digest and len(entry.problems) == n_problems
        if unchanged and folder.digest == _digest([*listing.files, *listing.unfinished]):
            return folder, None
        folder.digest = b""
        return folder, listing


def _stamp(path: str, problems: list[tuple[Path, str]]) -> Stamp | None:
    try:
        facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - called for every folder
    except OSError as error:
        problems.append((Path(path), error.strerror or type(error).__name__))
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns


def _digest(files: Iterable[Found]) -> bytes:
    found = blake2b(digest_size=16)
    for file in files:
        found.update(os.fsencode(f"{file.text}\0{file.size_bytes}\0{file.mtime_ns}\n"))
    return found.digest()


def _mtime(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


_NOTHING = _digest([])
