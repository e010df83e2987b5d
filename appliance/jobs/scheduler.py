"""The local scheduler: starts jobs that fit, watches their supervisors, and finds them again."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from appliance.catalog import Catalog, Page, Tx
from appliance.core import Conflict, DataFolder, NotFound, Settings
from appliance.jobs.adapterset import build_adapters, clusters_of, routes_of
from appliance.jobs.batches import Batches
from appliance.jobs.bulk import Bulk
from appliance.jobs.capacity import capacity_of
from appliance.jobs.cluster import ClusterAdapter
from appliance.jobs.control import Controls
from appliance.jobs.crash import crash_point
from appliance.jobs.desk import Desk
from appliance.jobs.diskguard import DiskGuard
from appliance.jobs.finish import (
    REGISTER_STEP,
    Finisher,
    attempt_folder,
    job_by_id,
    put_aside,
)
from appliance.jobs.foreign import ForeignRows
from appliance.jobs.gpus import GpuSource, gpus_for
from appliance.jobs.limits import Limits
from appliance.jobs.listing import count_jobs, job_attribute, job_detail, read_log
from appliance.jobs.local import LocalAdapter
from appliance.jobs.machine import Machine
from appliance.jobs.merging import OwnJobs, merged_page
from appliance.jobs.picking import Chosen
from appliance.jobs.provenance import Provenance
from appliance.jobs.queue import Queue
from appliance.jobs.reconcile import finish_attempt
from appliance.jobs.registering import pend_tags
from appliance.jobs.rerun import Reruns
from appliance.jobs.rows import JobDetail, JobQuery, JobRow, LogPiece, RowSource
from appliance.jobs.sandbox import Sandbox
from appliance.jobs.starter import Starter
from appliance.jobs.states import State
from appliance.jobs.structs import BatchSpec, DryRow, Submitted
from appliance.jobs.tools import ToolBox

__all__ = ["Scheduler"]

_LOG = logging.getLogger(__name__)
_TICK_S, _RECONCILE_S = 1.0, 30.0


class Scheduler:
    """Runs the jobs of one appliance.

    Parameters
    ----------
    catalog, folder, settings, queue, tools
        The objects of the appliance; the queue does the registering of outputs.
    gpus : GpuSource, optional
        Instead of what the settings say.
    sandbox : Sandbox, optional
        Instead of what the settings say.
    url : str
        Where jobs reach our API; may be set later through `url`.
    """

    def __init__(
        self,
        catalog: Catalog,
        folder: DataFolder,
        settings: Settings,
        queue: Queue,
        tools: ToolBox,
        *,
        gpus: GpuSource | None = None,
        sandbox: Sandbox | None = None,
        url: str = "",
    ) -> None:
        jobs = settings.jobs
        self._catalog, self._folder, self._queue = catalog, folder, queue
        source = gpus or gpus_for(jobs.gpus)
        self.capacity = capacity_of(jobs.cpus, jobs.memory_mb, source)
        self.adapters = build_adapters(LocalAdapter(catalog), jobs, catalog, folder)
        self.controls = Controls(catalog, self.wake, self.adapters)
        self._guard = DiskGuard(catalog, folder, self.controls, settings.data.min_free_bytes)
        self._machine = Machine(
            catalog,
            self.capacity,
            source,
            free_disk_mb=self._guard.free_mb,
            reserve_after_s=jobs.reserve_after_s,
            foreign_gpus=jobs.foreign_gpus,
        )
        routes = routes_of(jobs)
        self._batches = Batches(
            catalog, folder, tools, capacity=self.capacity, queues=jobs.queues, routes=routes
        )
        reruns = Reruns(
            catalog, folder, tools, capacity=self.capacity, wake=self.wake, routes=routes
        )
        self.desk = Desk(catalog, self._batches, Bulk(catalog, self.controls, self.wake), reruns)
        self._sandbox = sandbox or Sandbox(
            folder,
            jobs.sandbox,
            read=jobs.sandbox_read,
            write=jobs.sandbox_write,
            network=jobs.network,
        )
        self._starter = Starter(
            catalog,
            folder,
            self._sandbox,
            url=url,
            matlab=jobs.matlab_command,
            limits=Limits(jobs),
        )
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._sources: list[RowSource] = [ForeignRows(self.clusters)]
        self._waiting_for = ""
        finisher = Finisher(catalog, folder, done=self.wake)
        queue.register_step(REGISTER_STEP, finisher.step, on_error=finisher.failed)
        queue.register_reconciler(self._requeue_finishing)
        catalog.register_attribute("JOB", job_attribute)
        self.provenance = Provenance(
            catalog, folder, self.desk, self.submit_batch, jobs.matlab_command
        )
        catalog.register_job_counter(count_jobs)

    @property
    def url(self) -> str:
        """Where jobs reach our API."""
        return self._starter.url

    @url.setter
    def url(self, url: str) -> None:
        self._starter.url = url

    @property
    def waiting_for(self) -> str:
        """Why nothing is started at all, such as a full disk; empty when all is well."""
        return self._waiting_for

    def isolation_problem(self) -> str:
        """Say why jobs are not kept from what is not theirs; empty when they are."""
        return self._sandbox.problem()

    @property
    def clusters(self) -> list[ClusterAdapter]:
        """The adapters beside this machine."""
        return clusters_of(self.adapters)

    def start(self) -> None:
        """Start the thread; it first finds the jobs of an earlier life again."""
        self._stopping.clear()
        self.adapters.start()
        self.provenance.keeper.start()
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop looking after jobs; those that run go on and are found again."""
        self._stopping.set()
        self.provenance.keeper.stop()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout)
            self._thread = None

    def is_running(self) -> bool:
        """Tell whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """Look at once instead of at the next tick."""
        if self.is_running():
            self.adapters.wake()

    def submit_batch(
        self,
        spec: BatchSpec,
        targets: Sequence[str],
        actor: str,
        *,
        within: Callable[[Tx, Submitted], None] | None = None,
    ) -> Submitted:
        """Accept a batch for its targets; once accepted it is never forgotten.

        `within` is called in the transaction that writes it down.

        Raises
        ------
        Invalid
            If a job is not complete.
        JobError
            If a job asks for more than the machine has.
        NotFound
            If the project, a target or a tool does not exist.
        """
        accepted = self._batches.submit(spec, targets, actor, within=within)
        self.wake()
        return accepted

    def dry_run(self, spec: BatchSpec, targets: Sequence[str]) -> list[DryRow]:
        """Tell what each job of a batch would get; nothing is written."""
        return self._batches.dry_run(spec, targets)

    def act(self, key: str, action: str, actor: str) -> None:
        """Do what `Controls.act` knows to a job, or to a row of another source."""
        (self._source_of(key) or self.controls).act(key, action, actor)

    def act_on_many(self, keys: Sequence[str], action: str, actor: str) -> dict[str, str]:
        """Do the same to many jobs; tell by key why some refused."""
        refused: dict[str, str] = {}
        for key in keys:
            try:
                self.act(key, action, actor)
            except (Conflict, NotFound) as error:
                refused[key] = error.message
        return refused

    def cancel(self, key: str, actor: str) -> None:
        """End a job."""
        self.controls.cancel(key, actor)

    def suspend(self, key: str, actor: str) -> None:
        """Stop the processes of a job, or hold it when it waits."""
        self.controls.suspend(key, actor)

    def resume(self, key: str, actor: str) -> None:
        """Let a suspended or held job go on."""
        self.controls.resume(key, actor)

    def retry(self, key: str, actor: str) -> None:
        """Queue an ended job again."""
        self.controls.retry(key, actor)

    def dismiss(self, key: str, actor: str) -> None:
        """Take an ended job out of the table."""
        self.controls.dismiss(key, actor)

    def register_row_source(self, source: RowSource) -> None:
        """Show something else in the table of jobs, such as imports."""
        self._sources.append(source)

    def job_rows(self, query: JobQuery) -> Page[JobRow]:
        """Give one page of the table of jobs, with the rows of other sources among them."""
        page = merged_page(OwnJobs(self._catalog), self._sources, query)
        items = self._machine.explain(page.items, self._waiting_for)
        return Page(items, page.next, page.total)

    def job_detail(self, key: str) -> JobDetail:
        """Give a job with its specification, attempts, files and history."""
        source = self._source_of(key)
        if source is not None:
            return source.detail(key)
        with self._catalog.read() as con:
            detail = job_detail(con, key)
        (row,) = self._machine.explain([detail.row], self._waiting_for)
        return msgspec.structs.replace(detail, row=row)

    def read_log(self, key: str, *, attempt: int | None = None, offset: int = 0) -> LogPiece:
        """Give a piece of the log of a job."""
        source = self._source_of(key)
        if source is not None:
            return source.read_log(key, offset=offset)
        with self._catalog.read() as con:
            return read_log(con, key, attempt=attempt, offset=offset)

    def pend_tags(self, job_key: str, paths: Iterable[Path], tags: Sequence[str]) -> int:
        """Note files that a running job wants registered and tagged once it has succeeded."""
        return pend_tags(self._catalog, job_key, paths, tags)

    def _source_of(self, key: str) -> RowSource | None:
        return next((source for source in self._sources if source.owns(key)), None)

    def _loop(self) -> None:
        reconciled = 0.0
        while not self._stopping.is_set():
            try:
                if time.monotonic() - reconciled > _RECONCILE_S or not reconciled:
                    self._reconcile()
                    reconciled = time.monotonic()
                self._start_ready()
                for job_id in self.adapters.wait(_TICK_S):
                    self._end(job_id)
            except Exception:  # noqa: BLE001 - an outer loop
                _LOG.exception("the scheduler stumbled; it goes on")
                self._stopping.wait(_TICK_S)
        self.adapters.stop()

    def _reconcile(self) -> None:
        self.adapters.reconcile()
        self._batches.submissions.withdraw_dead()
        self._requeue_finishing()

    def _requeue_finishing(self) -> None:
        with self._catalog.read() as con:
            rows = con.execute("SELECT id FROM job WHERE state = 'finishing'").fetchall()
        for row in rows:
            self._queue.enqueue(REGISTER_STEP, row["id"])

    def _start_ready(self) -> None:
        self._waiting_for = self._guard.look()
        if self._waiting_for:
            return
        for row, gpus in self.adapters.admitted(self._machine.pick(), _adapter_of):
            if self._stopping.is_set():
                return
            try:
                self._start_one(row["id"], gpus)
            except (ValueError, TypeError, LookupError) as error:
                _LOG.exception("job %s cannot be read", row["key"])
                self._set_aside(row["key"], error)

    def _start_one(self, job_id: int, gpus: Sequence[str]) -> None:
        with self._catalog.read() as con:
            job = job_by_id(con, job_id)
            if job["retries"]:
                put_aside(con, job)
        self._starter.start(job, self.adapters.of(job), gpus)

    def _set_aside(self, key: str, error: Exception) -> None:
        """Hold a job that nothing can be made of, so that it does not keep others from starting."""
        with contextlib.suppress(Conflict, NotFound):
            self.controls.hold(key, f"the scheduler, which could not read it: {error}")

    def _end(self, job_id: int) -> None:
        with self._catalog.read() as con:
            job = job_by_id(con, job_id)
            folder = attempt_folder(con, job)
        state = finish_attempt(self._catalog, job, folder, self.adapters.of(job))
        crash_point("finish_committed")
        if state is State.FINISHING:
            self._queue.enqueue(REGISTER_STEP, job_id)


def _adapter_of(chosen: Chosen) -> str:
    return str(chosen.row["adapter"])
