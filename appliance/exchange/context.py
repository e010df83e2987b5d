"""What every step of the exchange room works with, handed in once by whoever wires the process."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from appliance.catalog import Catalog
from appliance.core import DataFolder, Settings, fsync_dir
from appliance.exchange.read_ahead import ReadAhead
from appliance.privacy import IdentityStore

__all__ = ["Context", "FilesListener", "Referrer", "StepQueue"]

FilesListener = Callable[[Sequence[int]], None]
"""Hears the ids of image files that are new or changed, so that previews can be made."""

Referrer = Callable[[sqlite3.Connection, Sequence[int]], set[int]]
"""Tells which of some files something refers to: they are never replaced."""


class StepQueue(Protocol):
    """The queue of short idempotent steps, as the jobs room offers it."""

    def register_step(self, name: str, fn: Callable[[int], None], /) -> object:
        """Name a function that takes the id of a row."""

    def enqueue(self, name: str, row_id: int, priority: int = 0, /) -> object:
        """Have a step done soon, at least once while the process lives."""


_PRIORITY = 10  # before previews, which nobody waits for as long
_INTAKE = 20  # else the end of a drop would wait for all conversions of its beginning


@dataclass(frozen=True)
class Context:
    """The rooms below, the data folder and the settings.

    Attributes
    ----------
    on_files : FilesListener
        Called after images were catalogued.
    sort_lock, tree_lock : Lock
        One arrival is sorted at a time; one folder is made, or ``nodeinfo.json`` written, at a
        time.
    referrers : list of Referrer
        Rooms above that have files which must not be replaced.
    ahead : ReadAhead
        Headers of files that are not sorted yet.
    """

    catalog: Catalog
    identities: IdentityStore
    queue: StepQueue
    folder: DataFolder
    settings: Settings
    on_files: FilesListener
    sort_lock: threading.Lock = field(default_factory=threading.Lock)
    tree_lock: threading.Lock = field(default_factory=threading.Lock)
    referrers: list[Referrer] = field(default_factory=list)
    ahead: ReadAhead = field(default_factory=ReadAhead)

    def path(self, place: str) -> Path:
        """Give the absolute path of a place, which is relative to the data folder."""
        return self.folder.root / place

    def place(self, path: Path) -> str:
        """Give the place of an absolute path below the data folder."""
        return str(path.relative_to(self.folder.root))

    def make_folder(self, folder: Path) -> None:
        """Make a folder with its parents, all durable when this returns."""
        self.make_folders([folder])

    def make_folders(self, folders: Iterable[Path]) -> None:
        """Make folders with their parents; each folder that holds new ones is synced once."""
        with self.tree_lock:
            grown: dict[Path, None] = {}
            for folder in folders:
                missing = [folder, *folder.parents]
                while missing and missing[-1].is_dir():
                    missing.pop()
                folder.mkdir(parents=True, exist_ok=True)
                grown.update(dict.fromkeys(path.parent for path in missing))
            for path in grown:
                fsync_dir(path)

    def ask(self, step: str, row_id: int) -> None:
        """Ask the queue for a step of this room."""
        self.queue.enqueue(step, row_id, _PRIORITY)

    def ask_intake(self, step: str, row_id: int) -> None:
        """Ask for a step that takes or sorts an arrival: it goes before conversions."""
        self.queue.enqueue(step, row_id, _INTAKE)

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Give an empty folder on the data folder's file system, removed afterwards."""
        path = self.folder.tmp / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
