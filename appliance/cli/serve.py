"""Wires the one process: builds every long-lived object in order, and ends them in reverse.

This is the only place that knows all rooms. `nora serve` starts all parts; a call while no service
runs starts only what it needs.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from enum import Flag, auto
from types import TracebackType
from typing import TYPE_CHECKING, Self

from appliance.core import DataFolder, Settings

if TYPE_CHECKING:
    from appliance.upkeep import Probe
    from appliance.web import Services

__all__ = ["Appliance", "Parts"]

_LOG = logging.getLogger(__name__)


class Parts(Flag):
    """Parts of the process that run by themselves."""

    NONE = 0
    QUEUE = auto()
    JOBS = auto()
    LISTENER = auto()
    WATCHER = auto()
    UPKEEP = auto()
    ALL = QUEUE | JOBS | LISTENER | WATCHER | UPKEEP


class Appliance:
    """All long-lived objects of one data folder; a context manager that holds its lock.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    folder : DataFolder
    services : Services
        What the web application is given.

    Raises
    ------
    Conflict
        On entering, if another process holds the data folder.
    StorageError
        On entering, if the folder or a database cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = DataFolder(settings.data_path)
        self.services: Services
        self._probes: dict[str, Probe] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            self._build()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def start(self, parts: Parts) -> None:
        """Start parts, in an order in which each finds what it needs."""
        for part, start in (
            (Parts.QUEUE, self._start_queue),
            (Parts.JOBS, self._start_jobs),
            (Parts.LISTENER, self._start_listener),
            (Parts.WATCHER, self._start_watcher),
            (Parts.UPKEEP, self._start_upkeep),
        ):
            if part in parts:
                start()

    def alive(self) -> bool:
        """Tell, for systemd's watchdog, whether the catalog's writer still moves."""
        return self.services.catalog.write(lambda tx: tx.con.in_transaction)
