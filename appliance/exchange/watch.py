"""The folder watcher: events wake it up, but only looking decides what is taken.

A file is taken when size and time stayed the same over the settle time and two looks. What lies
in a user's folder is linked or copied and never changed, unless the settings say so; our own drop
folder is emptied. A look reads only folders that changed; all are read now and then, so rarely
that it costs next to nothing, because a file may be written anew without its folder changing.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import msgspec

from appliance.core import ApplianceError, DataFolder, NotFound, Settings
from appliance.exchange.drop_events import DropEvents
from appliance.exchange.drop_look import Entry, FolderLook, Holds
from appliance.exchange.drop_root import Afterwards, WatchedRoot, watched_roots
from appliance.exchange.drop_take import delete_imported, fresh_files, tell_blocked
from appliance.exchange.folder_scan import Found
from appliance.exchange.importer import Importer

__all__ = ["DropWatcher", "WatchedRoot"]

_LOG = logging.getLogger(__name__)
_HINT_PAUSE_S = 0.05
_REST = 10  # times as long as a look takes
_COMPLETE_REST = 300  # times as much processor time as a complete look takes
_POLL_S = 15.0
_PATIENCE = 60  # settle times after which what grows no longer holds up what does not
_NO_PROJECT = "a sub-folder names a project that does not exist; its files wait"
_STILL_GROWS = 12  # times that, after which it is told


class _Seen(msgspec.Struct):
    """What an entry looks like, since when, and for how long it is seen; monotonic times.

    What its files were at `before_at` is kept only when patience is lost.
    """

    signature: bytes
    first: float
    since: float
    before: dict[str, tuple[int, int]] | None = None
    before_at: float = 0.0


class _Watched:
    """One root with what is known of it."""

    def __init__(self, root: WatchedRoot, folder: DataFolder, holds: Holds | None) -> None:
        self.root, self.tree = root, FolderLook(root.path, folder.root, holds)
        self.seen: dict[str, _Seen] = {}
        self.emptied: set[str] = set()
        self.stuck: dict[str, str] = {}
        self.complete_at = 0.0

    def why(self, growing_s: float) -> str:
        """Say what is wrong with it; names of its files are not told."""
        now = time.monotonic()
        lines = [why for why in (self.root.wrong, self.tree.why) if why]
        lines += dict.fromkeys(self.stuck.values())
        growing = sum(now - seen.first > growing_s for seen in self.seen.values())
        if growing:
            lines.append(f"{growing} of its entries never stop changing and are not taken whole")
        return "; ".join(lines)


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
    holds : callable, optional
        Tells of a file, by path, bytes and time in ns, whether somebody else still waits for it.

    Attributes
    ----------
    patience_s : float
        Time after which a file that keeps changing no longer holds up those beside it.
    """

    def __init__(
        self,
        importer: Importer,
        folder: DataFolder,
        settings: Settings,
        holds: Holds | None = None,
    ) -> None:
        self.roots = watched_roots(folder, settings.watch)
        self.patience_s = _PATIENCE * settings.watch.settle_s
        self._watched = [_Watched(root, folder, holds) for root in self.roots]
        self._importer, self._settings = importer, settings.watch
        self._logged: dict[str, str] = {}
        self._events = DropEvents()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong, by folder; for the health page."""
        growing_s = _STILL_GROWS * self.patience_s
        told = {str(one.root.path): one.why(growing_s) for one in self._watched}
        return {path: why for path, why in told.items() if why}

    def start(self) -> None:
        """Begin to watch."""
        self._stopping.clear()
        self._events.start(one.path for one in self.roots if not one.network)
        self._thread = threading.Thread(target=self._loop, name="drop-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End watching; what was seen but not taken is seen again at the next start."""
        self._stopping.set()
        self._events.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def is_running(self) -> bool:
        """Tell whether the watcher's thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def hear(self, path: str) -> None:
        """Hear that a folder is worth a look: what was held in it is whole."""
        self._events.hear([path])

    def look_once(self, *, complete: bool = True) -> bool:
        """Look at all folders once; True while something there is not settled yet.

        Parameters
        ----------
        complete : bool
            Whether folders that did not change are read too.
        """
        unsettled = [self._look_at(one, complete=complete) for one in self._watched]
        self._log()
        return any(unsettled)  # of all of them, whatever the first says

    def _loop(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                unsettled = self.look_once(complete=False)
            except Exception:  # noqa: BLE001 - an outer loop: the next look tries again
                _LOG.exception("the folder watcher stumbled")
                unsettled = False
            took_s = time.monotonic() - began
            if self._events.wait(max(self._pause(unsettled=unsettled), _REST * took_s)):
                # A burst of events is one hint; long looks stay rare.
                self._stopping.wait(max(_HINT_PAUSE_S, _REST * took_s))
                self._hear()

    def _hear(self) -> None:
        paths = self._events.taken()
        for one in self._watched:
            if paths is None:
                one.complete_at = 0.0
            for path in paths or ():
                one.tree.touched(path)

    def _pause(self, *, unsettled: bool) -> float:
        if unsettled:  # until the next is settled, but never longer than half of that time
            settle_s, now = self._settings.settle_s, time.monotonic()
            times = (
                seen.since + settle_s - now for one in self._watched for seen in one.seen.values()
            )
            soonest = min((due for due in times if due > 0), default=settle_s)
            return max(min(settle_s / 2, soonest), _HINT_PAUSE_S)
        if any(root.network for root in self.roots):
            return min(_POLL_S, self._settings.rescan_s)
        return self._settings.rescan_s

    def _look_at(self, one: _Watched, *, complete: bool) -> bool:
        if one.root.wrong:
            return False
        complete = complete or time.monotonic() >= one.complete_at
        began_s, unsettled, names = time.thread_time(), False, set[str]()
        settling: list[Found] = []
        for entry in one.tree.look(complete=complete):
            names.add(entry.name)
            if self._weigh(one, entry):
                unsettled = True
                settling += entry.files if one.root.move else ()
        self._importer.ctx.ahead.expect(settling)
        for name in [name for name in one.seen if name not in names]:
            del one.seen[name]
        for name in [name for name in one.stuck if name not in names]:
            del one.stuck[name]
        if complete:
            rest_s = _COMPLETE_REST * (time.thread_time() - began_s)
            one.complete_at = time.monotonic() + max(self._settings.rescan_s, rest_s)
        return unsettled

    def _log(self) -> None:
        """Log each problem once."""
        problems = self.problems
        for path, why in problems.items():
            if self._logged.get(path) != why:
                _LOG.warning("the watched folder %s: %s", path, why)
        self._logged = problems

    def _weigh(self, one: _Watched, entry: Entry) -> bool:
        """Take an entry when it is settled; True while it is not."""
        if not entry.files and not entry.problems:
            one.seen.pop(entry.name, None)
            self._prune(one, entry)
            entry.settle()
            return False
        seen, now = one.seen.get(entry.name), time.monotonic()
        if seen is None or seen.signature != entry.signature:
            seen = seen or _Seen(entry.signature, now, now)
            seen.signature, seen.since = entry.signature, now
            one.seen[entry.name] = seen
            self._lose_patience(one, entry, seen)
            return True
        if now - seen.since < self._settings.settle_s:
            return True
        one.seen.pop(entry.name)
        return self._settled(one, entry, entry.files)

    def _lose_patience(self, one: _Watched, entry: Entry, seen: _Seen) -> None:
        """Take what stays the same beside what never stops changing."""
        if seen.since - seen.first < self.patience_s:
            return
        if seen.before is not None and seen.since - seen.before_at < self._settings.settle_s:
            return
        now = {file.text: (file.size_bytes, file.mtime_ns) for file in entry.files}
        before, seen.before, seen.before_at = seen.before, now, seen.since
        if before is not None and now.keys() == before.keys():  # nothing new comes
            self._settled(one, entry, [f for f in entry.files if before[f.text] == now[f.text]])

    def _settled(self, one: _Watched, entry: Entry, files: list[Found]) -> bool:
        """Take what is new of settled files; True while there is more to do with them soon."""
        ctx, deletes = self._importer.ctx, one.root.then is Afterwards.DELETE
        fresh, blocked = fresh_files(ctx, files), fresh_files(ctx, entry.blocked())
        if fresh or blocked:
            self._take(one, entry, fresh, blocked)
            return deletes
        one.stuck.pop(entry.name, None)
        if deletes and files:  # not settled: they may go later
            return self._delete(one, entry, files)
        if files is entry.files and not entry.problems:
            entry.settle()
        return False

    def _take(self, one: _Watched, entry: Entry, fresh: list[Found], blocked: list[Found]) -> None:
        one.stuck.pop(entry.name, None)
        groups = one.root.by_project(fresh) or {one.root.project: []}
        for n, (project, files) in enumerate(groups.items()):
            try:
                key = self._importer.take(project, one.root.path, files, one.root.options())
                if blocked and n == 0:
                    receipt = self._importer.receipt(key)
                    tell_blocked(self._importer.ctx, receipt, entry.problems, blocked)
            except NotFound as error:  # the name of a sub-folder is not told
                named = project != one.root.project
                one.stuck[entry.name] = _NO_PROJECT if named else error.message
            except ApplianceError as error:
                one.stuck[entry.name] = error.message
        if one.root.then is not Afterwards.KEEP:
            one.emptied.add(entry.name)

    def _delete(self, one: _Watched, entry: Entry, files: list[Found]) -> bool:
        """Delete what is imported; True when something went, or will soon."""
        try:
            n, busy = delete_imported(self._importer.ctx, files)
        except OSError as error:
            one.stuck[entry.name] = f"its files cannot be deleted: {error.strerror}"
            return False
        return busy or n > 0

    def _prune(self, one: _Watched, entry: Entry) -> None:
        """Remove the empty folders of an entry whose files were all taken away."""
        if entry.name not in one.emptied or not entry.empty or entry.unfinished:
            return
        one.emptied.discard(entry.name)
        path = one.root.path / entry.name
        if entry.name and path.is_dir():
            for folder in sorted(path.rglob("*"), reverse=True):
                _remove_empty(folder)
            _remove_empty(path)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # not empty, or not a folder: it stays
