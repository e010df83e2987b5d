"""Events of watched folders, as hints only: which files were written, made or moved."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["DropEvents"]

_LOG = logging.getLogger(__name__)
_MOST = 10_000  # paths kept; of more than that it is only known that there were many


class DropEvents:
    """Listens to folders of local disks and remembers what happened since it was last asked."""

    def __init__(self) -> None:
        self._hint, self._lock = threading.Event(), threading.Lock()
        self._paths: set[str] = set()
        self._observer: Any = None

    def start(self, folders: Iterable[Path]) -> None:
        """Begin to listen; what cannot be listened to is found by looking only."""
        from watchdog.events import (
            DirCreatedEvent,
            DirMovedEvent,
            FileClosedEvent,
            FileCreatedEvent,
            FileMovedEvent,
        )
        from watchdog.observers import Observer

        kinds = [FileCreatedEvent, FileClosedEvent, FileMovedEvent, DirCreatedEvent, DirMovedEvent]
        # A new folder may be heard of twice, which does no harm.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        observer, handler = Observer(), _handler(self.hear)
        for path in folders:
            if not path.is_dir():
                continue
            try:
                observer.schedule(handler, str(path), recursive=True, event_filter=kinds)
            except OSError as error:  # out of inotify watches
                _LOG.warning("no events from %s: %s", path, error.strerror)
        try:
            observer.start()
        except OSError as error:
            _LOG.warning("no events from watched folders: %s", error.strerror)
            return
        self._observer = observer

    def stop(self) -> None:
        """End listening, and end a wait."""
        self._hint.set()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def wait(self, at_most_s: float) -> bool:
        """Wait for something to happen; False when nothing did."""
        return self._hint.wait(at_most_s)

    def taken(self) -> set[str] | None:
        """Give the paths since the last time; None when they were too many to keep."""
        with self._lock:
            paths, self._paths = self._paths, set()
            self._hint.clear()
        return paths if len(paths) < _MOST else None

    def hear(self, paths: Iterable[str]) -> None:
        """Note that something happened there."""
        with self._lock:
            if len(self._paths) < _MOST:
                self._paths.update(paths)
        self._hint.set()


def _handler(hear: Any) -> Any:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        """Hands on the paths of any event."""

        def on_any_event(self, event: FileSystemEvent) -> None:
            paths = (event.src_path, event.dest_path)
            hear([os.fsdecode(path) for path in paths if path])

    return Handler()
