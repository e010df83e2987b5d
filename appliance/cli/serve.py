"""Wires the one process: builds every long-lived object in order, and ends them in reverse.

This is the only place that knows all rooms. `nora serve` starts all parts; a call while no service
runs starts only what it needs.
"""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from enum import Flag, auto
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from appliance.core import DataFolder, Settings

if TYPE_CHECKING:
    from appliance.catalog import Catalog, MetaStore, Tx
    from appliance.jobs import Queue, ToolBox
    from appliance.privacy import IdentityStore
    from appliance.upkeep import Notifications, Probe, Upkeep
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
    POSTINGS = auto()
    ALL = QUEUE | JOBS | LISTENER | WATCHER | UPKEEP | POSTINGS


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
            (Parts.POSTINGS, self.services.catalog.start_postings),
            (Parts.QUEUE, self._start_queue),
            (Parts.JOBS, self._start_jobs),
            (Parts.LISTENER, self._start_listener),
            (Parts.LISTENER, self._start_pacs),
            (Parts.WATCHER, self._start_watcher),
            (Parts.UPKEEP, self._start_checkouts),
            (Parts.UPKEEP, self._start_upkeep),
        ):
            if part in parts:
                start()

    def alive(self) -> bool:
        """Tell, for systemd's watchdog, whether the catalog's writer still moves."""
        return self.services.catalog.write(lambda tx: tx.con.in_transaction)

    def login_link(self) -> str:
        """Make a one-time link that logs a browser in."""
        from appliance.catalog import issue_login_code

        return f"{self.url}/login#{self.services.catalog.write(issue_login_code)}"

    @property
    def url(self) -> str:
        """Origin under which this machine reaches the web server."""
        web = self.settings.web
        host = "127.0.0.1" if web.bind in ("0.0.0.0", "::") else web.bind  # noqa: S104 - compared
        return f"http://{f'[{host}]' if ':' in host else host}:{web.port}"

    def _build(self) -> None:
        """Make every object; nothing runs by itself yet."""
        from appliance.cli.arriving import ArrivalFeed
        from appliance.cli.import_rows import ImportRows
        from appliance.cli.previews import Previews
        from appliance.cli.warming import MetaWarmer
        from appliance.exchange import Importer, Pacs
        from appliance.jobs import AutoRuns, Notebooks, Queue, Scheduler, input_files
        from appliance.privacy import IdentityStore
        from appliance.tomography import SlicePool
        from appliance.upkeep import finish_interrupted_restore
        from appliance.web import Services

        folder, settings = self.folder, self.settings
        folder.prepare()
        self._stack.enter_context(folder.lock())
        finish_interrupted_restore(folder)
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder.cache / "numba"))
        catalog = self._open_catalog()
        identities = IdentityStore.open(folder.identity_path)
        self._stack.callback(identities.close)
        _finish_changes(catalog, folder, identities)
        queue = Queue(folder.queue_path, workers=_workers(settings))
        tools = _all_tools(folder)
        scheduler = Scheduler(catalog, folder, settings, queue, tools, url=self.url)
        previews = self._previews = Previews(catalog, folder, queue)
        importer = Importer(catalog, identities, queue, folder, settings, on_files=previews.ask_for)
        importer.ctx.referrers.append(input_files)
        scheduler.register_row_source(ImportRows(catalog, importer.retry))
        pacs = Pacs(importer, settings)
        self._stack.callback(pacs.close)
        slices = SlicePool()
        self._stack.callback(slices.close)
        meta = self._meta(catalog)
        self._warmer = MetaWarmer(catalog, meta, queue)
        self._feed = ArrivalFeed(catalog)
        self.services = Services(
            settings=settings,
            folder=folder,
            catalog=catalog,
            identities=identities,
            queue=queue,
            scheduler=scheduler,
            notebooks=Notebooks(catalog, folder, settings, scheduler.capacity),
            autoruns=AutoRuns(catalog, queue, scheduler.submit_batch, self._feed),
            importer=importer,
            pacs=pacs,
            upkeep=self._make_upkeep(catalog),
            notifications=self._make_notifications(catalog, queue),
            tools=tools,
            meta=meta,
            slices=slices,
        )

    def _open_catalog(self) -> Catalog:
        from appliance.catalog import Catalog
        from appliance.upkeep import adopt_projects, catalog_extensions

        if not self.folder.catalog_path.exists() and self._has_data():
            _LOG.warning("the catalog is missing and was made anew: run 'nora restore' or 'rescan'")
        catalog = Catalog.open(
            self.folder.catalog_path,
            migrations=catalog_extensions(),
            backup_dir=self.folder.backups,
        )
        self._stack.callback(catalog.close)
        adopt_projects(catalog, self.folder)  # before one of the same name is made
        catalog.write(self._make_projects)
        return catalog

    def _has_data(self) -> bool:
        return any(path.is_dir() for path in self.folder.projects.iterdir())

    def _make_projects(self, tx: Tx) -> None:
        """Make the projects that the settings send arrivals to, so that none is lost."""
        from appliance.catalog import ensure_project

        entries = self.settings.watch.folders
        for name in {"default", self.settings.dicom.project, *(e.project for e in entries)}:
            ensure_project(tx, name)

    def _meta(self, catalog: Catalog) -> MetaStore:
        from appliance.catalog import MetaStore

        store = MetaStore(catalog, self.folder.cache / "meta")
        self._stack.callback(store.close)
        return store

    def _make_upkeep(self, catalog: Catalog) -> Upkeep:
        from appliance.upkeep import CheckContext, Upkeep

        return Upkeep(
            CheckContext(
                settings=self.settings,
                folder=self.folder,
                catalog=catalog,
                probes=self._probes,
                bundle=Path(__file__).parents[1] / "web" / "static",
            )
        )

    def _make_notifications(self, catalog: Catalog, queue: Queue) -> Notifications:
        from appliance.upkeep import Notifications, check_titles

        return Notifications(catalog, queue, self.settings, titles=check_titles(), url=self.url)

    def _start_queue(self) -> None:
        queue, importer = self.services.queue, self.services.importer
        self._stack.callback(self._warmer.start())
        self._stack.callback(self._feed.listen(self.services.autoruns.look))
        queue.start()
        self._stack.callback(queue.stop)
        importer.start()
        self._stack.callback(importer.stop)
        self._probes["queue"] = lambda: "" if queue.is_running() else "The workers do not run."

    def _start_jobs(self) -> None:
        scheduler = self.services.scheduler
        scheduler.start()
        self._stack.callback(scheduler.stop)
        self._probes["notebooks"] = lambda: self.services.notebooks.problem
        self._probes["clusters"] = lambda: "; ".join(
            f"{one.name}: {text}" for one in scheduler.clusters if (text := one.check())
        )
        self._probes["isolation"] = scheduler.isolation_problem
        self._probes["scheduler"] = lambda: "" if scheduler.is_running() else "It has stopped."

    def _start_listener(self) -> None:
        if not self.settings.dicom.enabled:
            return
        from appliance.exchange import DicomListener, ListenerKeeper

        pacs = self.services.pacs
        links = pacs.known.links
        listener = DicomListener(self.services.importer, self.settings, pacs.awaited, links)
        keeper = ListenerKeeper(listener)
        keeper.start()
        self._stack.callback(keeper.stop)
        self._probes["listener"] = keeper.problem

    def _start_pacs(self) -> None:
        self.services.pacs.start()
        self._stack.callback(self.services.pacs.close)
        self._probes["pacs"] = self.services.pacs.contacts.problems

    def _start_checkouts(self) -> None:
        """Notice what other programs save of files that are edited elsewhere."""
        from appliance.viewing import CheckoutWatcher, Limits

        own, data = self.settings.viewing, self.settings.data
        limits = Limits(own.versions_keep, own.versions_days, data.min_free_bytes)
        watcher = CheckoutWatcher(self.services.catalog, self.folder, limits)
        watcher.start()
        self._stack.callback(watcher.stop)

    def _start_watcher(self) -> None:
        if not self.settings.watch.enabled:
            return
        from appliance.cli.live_tilts import live_series
        from appliance.exchange import DropWatcher

        live = live_series(self.services.importer, self.settings, self._previews.ask_for)
        holds = live.holds if live is not None else None
        watcher = DropWatcher(self.services.importer, self.folder, self.settings, holds)
        if live is not None:
            live.on_end = watcher.hear
            live.start()
            self._stack.callback(live.stop)
        watcher.start()
        self._stack.callback(watcher.stop)
        self._probes["watcher"] = lambda: (
            "; ".join(
                [f"{path}: {why}" for path, why in sorted(watcher.problems.items())]
                + ([live.problem] if live is not None and live.problem else [])
            )
            if watcher.is_running()
            else "Nobody watches."
        )

    def _start_upkeep(self) -> None:
        from appliance.upkeep import HashFiller, Schedule, SidecarWriter

        upkeep, catalog = self.services.upkeep, self.services.catalog
        schedule = Schedule(
            upkeep.health,
            upkeep.backup if self.settings.backup.enabled else None,
            hour=self.settings.backup.hour,
            last_backup_ms=upkeep.last_backup_ms,
            chores=[
                self._forget_old_jobs,
                self._shrink_cache,
                self._sweep_trash,
                self._measure_storage,
            ],
        )
        for part in (
            SidecarWriter(catalog, self.folder),
            HashFiller(catalog, self.folder),
            self.services.notifications,
            schedule,
        ):
            part.start()
            self._stack.callback(part.stop)

    def _forget_old_jobs(self) -> None:
        from appliance.jobs import purge_jobs

        purge_jobs(self.services.catalog, self.folder, self.settings.jobs.keep_days)

    def _sweep_trash(self) -> None:
        from appliance.upkeep import sweep_projects, sweep_trash

        keep_days = self.settings.trash.keep_days
        sweep_projects(self.services.catalog, self.folder, keep_days)
        sweep_trash(self.services.catalog, self.folder, keep_days)

    def _measure_storage(self) -> None:
        from appliance.upkeep import measure

        days = self.settings.trash.keep_days or 30
        keep = self.settings.jobs.keep_days
        measure(self.services.catalog, self.folder, trash_days=days, jobs_days=keep)

    def _shrink_cache(self) -> None:
        from appliance.viewing import shrink_cache

        shrink_cache(self.folder)


def _finish_changes(catalog: Catalog, folder: DataFolder, identities: IdentityStore) -> None:
    """Bring to an end what a power cut left half done: changes of names, and undoing."""
    from appliance.catalog import finish_undos
    from appliance.upkeep import Eraser, Mover

    Mover(catalog, folder, identities).finish_pending()
    Eraser(catalog, folder, identities).resume()
    finish_undos(catalog)


def _all_tools(folder: DataFolder) -> ToolBox:
    """Collect the predefined jobs of all rooms that ship some."""
    from functools import partial

    from appliance.exchange import EXCHANGE_TOOLS
    from appliance.jobs import ToolBox, ToolFolder, basic_tools, suite_tools
    from appliance.tomography import TOMOGRAPHY_TOOLS, OwnTemplates, complete_tomogram
    from appliance.viewing import TOOLS

    box = ToolBox(
        [*basic_tools(), *TOOLS, *EXCHANGE_TOOLS, *TOMOGRAPHY_TOOLS, *suite_tools()],
        ToolFolder(folder.root / "tools"),
    )
    own = OwnTemplates(folder.root / "templates" / "tomography")
    box.complete_with("tomography.tomogram", partial(complete_tomogram, own))
    return box


def _workers(settings: Settings) -> int:
    """Threads of the queue: conversions wait there for their programs, other steps are short."""
    return (settings.imports.workers or os.cpu_count() or 1) + 2
