"""One folder of somebody else's, read once: its files, its folders, and what cannot be taken."""

from __future__ import annotations

import operator
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance.exchange.names import is_incomplete, is_junk

__all__ = ["Found", "Listing", "Trouble", "read_folder"]

Trouble = Callable[[Path, str], None]
_name_of = operator.attrgetter("name")
_TO_FOLDER = "it is a link to a folder, and such links are not followed"
_TO_NOTHING = "it is a link to nothing"
_TO_US = "it is a link into the data folder"
_SPECIAL = "it is a pipe, a socket or a device"


class Found(msgspec.Struct, frozen=True, gc=False):
    """One file seen in a folder outside; its path as text, for there may be very many."""

    text: str
    size_bytes: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.text)

    @property
    def name(self) -> str:
        """Its name."""
        return self.text.rpartition("/")[2]


class Listing(msgspec.Struct):
    """What one folder holds.

    Attributes
    ----------
    files : list of Found
        Files that look finished by their names, sorted.
    unfinished : list of Found
        Hidden files, and those whose names say that they are still being written.
    folders : list of str
        Names of its folders, sorted; hidden ones and leftovers of desktops are left out.
    """

    files: list[Found] = []
    unfinished: list[Found] = []
    folders: list[str] = []


def read_folder(folder: str, trouble: Trouble, *, ours: Path | None = None) -> Listing:
    """Read one folder; O(n log n) in its entries, one ``stat`` each.

    Parameters
    ----------
    folder : str
        Its path.
    trouble : callable
        Hears of what cannot be read or is not taken, with the reason.
    ours : Path, optional
        The data folder: a link that leads into it is not followed.
    """
    listing = Listing()
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=_name_of)
    except OSError as error:
        trouble(Path(folder), error.strerror or type(error).__name__)
        return listing
    for entry in entries:
        if is_junk(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith("."):
                listing.folders.append(entry.name)
        else:
            _add(listing, entry, trouble, ours)
    return listing


def _add(listing: Listing, entry: os.DirEntry[str], trouble: Trouble, ours: Path | None) -> None:
    unfinished = is_incomplete(entry.name)
    try:
        problem = _link_problem(entry, ours) if entry.is_symlink() else ""
        facts = None if problem else entry.stat()
    except FileNotFoundError:
        return  # gone, or renamed: the next look sees what became of it
    except OSError as error:
        problem, facts = error.strerror or type(error).__name__, None
    if facts is not None and not stat.S_ISREG(facts.st_mode):
        problem = _SPECIAL
    if problem or facts is None:
        if not unfinished:
            trouble(Path(entry.path), problem)
        return
    found = Found(entry.path, facts.st_size, facts.st_mtime_ns)
    (listing.unfinished if unfinished else listing.files).append(found)


def _link_problem(entry: os.DirEntry[str], ours: Path | None) -> str:
    real = Path(os.path.realpath(entry.path))
    if ours is not None and real.is_relative_to(ours) and not real.is_relative_to(ours / "drop"):
        return _TO_US
    try:
        facts = os.stat(entry.path)  # noqa: PTH116 - an entry has no Path yet
    except FileNotFoundError:
        return _TO_NOTHING
    return _TO_FOLDER if stat.S_ISDIR(facts.st_mode) else ""
