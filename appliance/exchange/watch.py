"""The folder watcher: events wake it up, but only a complete look decides what is taken.

A file is taken when size and time stayed the same over the settle time and two looks. What lies
in a user's folder is linked or copied and never changed; only our own drop folder is emptied.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import ApplianceError, DataFolder, Settings, network_kind
from appliance.exchange.collect import Found, report_unreadable
from appliance.exchange.drop_look import Entry, look
from appliance.exchange.importer import Importer
from appliance.exchange.names import path_hash

__all__ = ["DropWatcher", "WatchedRoot"]

_LOG = logging.getLogger(__name__)
_HINT_PAUSE_S = 0.05
_REST = 10  # times as long as a look takes
_POLL_S = 15.0
_CHUNK = 400


class WatchedRoot(msgspec.Struct, frozen=True, kw_only=True):
    """One folder that is watched.

    Attributes
    ----------
    path : Path
        The folder.
    project : str
        Project that receives what is found.
    move : bool
        Whether the files are taken away.
    network : str
        Kind of network file system, on which no events come from other machines; '' for a disk.
    """

    path: Path
    project: str
    move: bool
    network: str = ""


class _Seen(msgspec.Struct):
    """What an entry looked like, since when, and how often in a row."""

    signature: Mapping[Path, tuple[int, int]]
    since: float
    looks: int = 1


class DropWatcher:
    """Watches the drop folder and the folders of the settings.

    Parameters
    ----------
    importer : Importer
        Takes what is complete.
    folder : DataFolder
        Its ``drop`` is watched for the project ``default``.
    settings : Settings
        Section ``watch``: further folders and times.
    """

    def __init__(self, importer: Importer, folder: DataFolder, settings: Settings) -> None:
        own = WatchedRoot(path=folder.drop, project="default", move=True)
        others = [
            WatchedRoot(
                path=Path(extra.path).expanduser(),
                project=extra.project,
                move=extra.mode == "move",
                network=network_kind(Path(extra.path).expanduser()),
            )
            for extra in settings.watch.folders
        ]
        self.roots = [own, *others]
        self.problems: dict[str, str] = {}
        self._importer, self._settings = importer, settings.watch
        self._seen: dict[tuple[Path, str], _Seen] = {}
        self._emptied: set[Path] = set()
        self._taken: dict[Path, tuple[int, int]] = {}
        self._hint, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._observer: Any = None

    def start(self) -> None:
        """Begin to watch."""
        self._stopping.clear()
        self._start_observer()
        self._thread = threading.Thread(target=self._loop, name="drop-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End watching; what was seen but not taken is seen again at the next start."""
        self._stopping.set()
        self._hint.set()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def is_running(self) -> bool:
        """Tell whether the watcher's thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def look_once(self) -> bool:
        """Look at all folders once; True while something there is not settled yet."""
        unsettled = [
            self._look_at(root) for root in self.roots
        ]  # all of them, whatever the first says
        return any(unsettled)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                unsettled = self.look_once()
            except Exception:  # noqa: BLE001 - an outer loop: the next look tries again
                _LOG.exception("the folder watcher stumbled")
                unsettled = False
            took_s = time.monotonic() - began
            self._hint.wait(self._pause(unsettled=unsettled))
            if self._hint.is_set():  # a burst of events is one hint; long looks stay rare
                self._stopping.wait(max(_HINT_PAUSE_S, _REST * took_s))
                self._hint.clear()

    def _pause(self, *, unsettled: bool) -> float:
        if unsettled:
            return max(self._settings.settle_s / 2, _HINT_PAUSE_S)
        if any(root.network for root in self.roots):
            return min(_POLL_S, self._settings.rescan_s)
        return self._settings.rescan_s

    def _look_at(self, root: WatchedRoot) -> bool:
        entries, problems = look(root.path)
        self._tell_root(root, problems)
        unsettled = False
        for entry in entries:
            unsettled |= self._weigh(root, entry)
        names = {entry.name for entry in entries}
        for key in [k for k in self._seen if k[0] == root.path and k[1] not in names]:
            del self._seen[key]
        return unsettled

    def _tell_root(self, root: WatchedRoot, problems: Iterable[tuple[Path, str]]) -> None:
        """Keep the problems of whole folders for the health page; log each once."""
        why = next((why for path, why in problems if path == root.path), None)
        if why is None:
            self.problems.pop(str(root.path), None)
        elif self.problems.get(str(root.path)) != why:
            self.problems[str(root.path)] = why
            _LOG.warning("the watched folder %s cannot be read: %s", root.path, why)

    def _weigh(self, root: WatchedRoot, entry: Entry) -> bool:
        """Take an entry when it is settled; True while it is not."""
        fresh = self._fresh(root, entry.files)
        blocked = self._fresh(root, entry.blocked())
        if not fresh and not blocked:
            self._prune(root, entry)
            return False
        key, signature = (root.path, entry.name), entry.signature()
        seen, now = self._seen.get(key), time.monotonic()
        if seen is None or seen.signature != signature:
            self._seen[key] = _Seen(signature, now)
            return True
        seen.looks += 1
        if now - seen.since < self._settings.settle_s:
            return True
        self._take(root, entry, fresh, blocked)
        del self._seen[key]
        return False

    def _take(
        self, root: WatchedRoot, entry: Entry, fresh: list[Found], blocked: list[Found]
    ) -> None:
        try:
            key = self._importer.take(
                root.project, root.path, fresh, move=root.move, source="watched folder"
            )
            if blocked:
                self._tell_blocked(key, entry, blocked)
        except ApplianceError as error:
            self.problems[str(root.path)] = error.message
            _LOG.warning("a drop waits: %s", error.message)
            return
        if root.move:
            self._emptied.add(root.path / entry.name)
        else:
            self._taken.update({f.path: (f.size_bytes, f.mtime_ns) for f in fresh})

    def _tell_blocked(self, key: str, entry: Entry, blocked: list[Found]) -> None:
        ctx = self._importer.ctx
        receipt_id = self._importer.receipt(key).id
        why = dict(entry.problems)
        report_unreadable(ctx, receipt_id, key, [(f.path, why[f.path]) for f in blocked])
        rows = [(path_hash(f.path), f.size_bytes, f.mtime_ns) for f in blocked]
        ctx.catalog.write(
            lambda tx: tx.con.executemany(
                "INSERT OR REPLACE INTO taken_files (path_hash, size_bytes, mtime_ns, item_id)"
                " VALUES (?, ?, ?, 0)",
                rows,
            )
        )

    def _fresh(self, root: WatchedRoot, files: list[Found]) -> list[Found]:
        """Leave out what was taken already, at this size and time."""
        unknown = [f for f in files if self._taken.get(f.path) != (f.size_bytes, f.mtime_ns)]
        known = self._known({path_hash(f.path): f for f in unknown})
        fresh = [f for f in unknown if f.path not in known]
        if not root.move:
            self._taken.update({f.path: (f.size_bytes, f.mtime_ns) for f in known.values()})
        return fresh

    def _known(self, files: dict[str, Found]) -> dict[Path, Found]:
        hashes, found = list(files), {}
        for start in range(0, len(hashes), _CHUNK):
            part = hashes[start : start + _CHUNK]
            with self._importer.ctx.catalog.read() as con:
                rows = con.execute(
                    "SELECT path_hash, size_bytes, mtime_ns FROM taken_files"
                    f" WHERE path_hash IN ({','.join('?' * len(part))})",
                    part,
                ).fetchall()
            for row in rows:
                file = files[row["path_hash"]]
                if (file.size_bytes, file.mtime_ns) == (row["size_bytes"], row["mtime_ns"]):
                    found[file.path] = file
        return found

    def _prune(self, root: WatchedRoot, entry: Entry) -> None:
        """Remove the empty folders of an entry whose files were all moved away."""
        path = root.path / entry.name
        if path not in self._emptied or entry.files or entry.unfinished or entry.problems:
            return
        self._emptied.discard(path)
        if path.is_dir():
            for folder in sorted(path.rglob("*"), reverse=True):
                _remove_empty(folder)
            _remove_empty(path)

    def _start_observer(self) -> None:
        from watchdog.observers import Observer

        observer = Observer()
        handler = _hint_handler(self._hint.set)
        for root in self.roots:
            if root.network or not root.path.is_dir():
                continue
            try:
                observer.schedule(handler, str(root.path), recursive=True)
            except OSError as error:  # out of inotify watches: the rescan sees everything anyway
                _LOG.warning("no events from %s: %s", root.path, error.strerror)
        try:
            observer.start()
        except OSError as error:
            _LOG.warning("no events from watched folders: %s", error.strerror)
            return
        self._observer = observer


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # not empty, or not a folder: it stays


def _hint_handler(hint: Callable[[], None]) -> Any:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        """Turns any event but mere reading into a hint."""

        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type not in ("opened", "closed_no_write"):
                hint()

    return Handler()
