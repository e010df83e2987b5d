"""The one way in: receipts are opened here, whatever door an arrival comes through."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from sqlite3 import OperationalError
from typing import TYPE_CHECKING

from appliance.core import Conflict, Invalid, Settings, now_ms
from appliance.exchange.again import convert_again
from appliance.exchange.asked import check_source, extensions_in, safe_target
from appliance.exchange.bids_export import BidsExports
from appliance.exchange.collect import (
    Found,
    announce,
    collect,
)
from appliance.exchange.context import Context, FilesListener, StepQueue
from appliance.exchange.convert import convert_series, fail_series
from appliance.exchange.decisions import resolve_items, retry_receipt
from appliance.exchange.dicom_export import DicomExports
from appliance.exchange.disk import require_space
from appliance.exchange.early import Early
from appliance.exchange.examine import Examiner
from appliance.exchange.existing import EXISTING_STEP, ExistingData
from appliance.exchange.forwards import Forwards
from appliance.exchange.hashing import hash_items
from appliance.exchange.originals import originals_of
from appliance.exchange.parts import PartUploads
from appliance.exchange.receipts import get_receipt, open_receipt, set_receipt, withdraw_empty
from appliance.exchange.recovery import due_work, newly_due, recover
from appliance.exchange.referred import image_of_rois
from appliance.exchange.release_checks import ReleaseChecks
from appliance.exchange.revealing import WaitingIdentity, original_names, waiting_identities
from appliance.exchange.routing import Routing
from appliance.exchange.routing_apply import SORT_STEP
from appliance.exchange.rows import ArrivalKind, Options, ReceiptDetail, ReceiptState
from appliance.exchange.series import load_series
from appliance.exchange.sort import CONVERT_STEP, sort_receipt
from appliance.exchange.targets import target_options
from appliance.exchange.upload import Upload

if TYPE_CHECKING:
    from appliance.catalog import Catalog, FileRow
    from appliance.core import DataFolder
    from appliance.privacy import IdentityStore

__all__ = ["Importer"]

_LOG = logging.getLogger(__name__)
COLLECT_STEP, HASH_STEP = "exchange.collect", "exchange.hash"
_TICK_S, _RECONCILE_S = 0.25, 30.0


class Importer:
    """Takes arrivals from all doors and brings them through one pipeline.

    Parameters
    ----------
    catalog, identities, queue, folder, settings
        The rooms below.
    on_files : callable, optional
        Hears the ids of images that are new or changed, for previews.
    """

    def __init__(
        self,
        catalog: Catalog,
        identities: IdentityStore,
        queue: StepQueue,
        folder: DataFolder,
        settings: Settings,
        *,
        on_files: FilesListener | None = None,
    ) -> None:
        self._on_files = on_files
        self.ctx = Context(catalog, identities, queue, folder, settings, self._hear)
        limit = settings.imports.workers
        self.existing, self.bids = ExistingData(self.ctx), BidsExports(self.ctx)
        self.dicom, self.releases = DicomExports(self.ctx), ReleaseChecks(self.ctx)
        self.routing, self.forwards = Routing(self.ctx), Forwards(self.ctx)
        self._examiner = Examiner(self.ctx)
        self.uploads = PartUploads(self.ctx, self.begin, self.finish)
        self._parts = (self.existing, self.bids, self.dicom, self.forwards)
        self._converting = threading.BoundedSemaphore(limit) if limit > 0 else None
        self._announcing: set[int] = set()  # receipts whose files are still being written down
        self._opening, self._stopping = threading.Lock(), threading.Event()
        self._clock: threading.Thread | None = None
        queue.register_step(COLLECT_STEP, self._collect)
        queue.register_step(SORT_STEP, self._sort)
        queue.register_step(CONVERT_STEP, self._convert)
        queue.register_step(HASH_STEP, partial(hash_items, self.ctx))

    def start(self) -> None:
        """Take up what an earlier end left behind, and keep what waits going."""
        for part in self._parts:
            part.open()
        recover(self.ctx)
        self.reconcile()
        self._stopping.clear()
        self._clock = threading.Thread(target=self._tick, name="exchange-clock", daemon=True)
        self._clock.start()

    def stop(self) -> None:
        """Stop the clock; steps that run are the queue's."""
        self._stopping.set()
        for part in self._parts:
            part.close()
        if self._clock is not None:
            self._clock.join()
            self._clock = None

    def reconcile(self) -> None:
        """Ask the queue for every step that some row's state calls for."""
        self.uploads.recover()
        work = due_work(self.ctx)
        for receipt_id in work.collect:
            self.ctx.ask_intake(COLLECT_STEP, receipt_id)
        for receipt_id in work.sort:
            self.ctx.ask_intake(SORT_STEP, receipt_id)
        for series_id in work.convert:
            self.ctx.ask(CONVERT_STEP, series_id)
        for receipt_id in work.hash:
            self.ctx.queue.enqueue(HASH_STEP, receipt_id)
        for receipt_id in work.existing:
            self.ctx.ask(EXISTING_STEP, receipt_id)
        self.forwards.look()
        self._examiner.look()

    def begin(
        self, kind: ArrivalKind, project: str, source: str = "", options: Options | None = None
    ) -> tuple[int, str]:
        """Open a receipt before anything else happens.

        Returns
        -------
        (int, str)
            Its id and key.

        Raises
        ------
        NotFound
            If there is no such project.
        Conflict
            If the project is archived or in the trash.
        DiskFull
            If there is too little space to take anything, or its quota is reached.
        """
        from appliance.catalog import check_quota, get_project, require_open

        require_space(self.ctx.folder, self.ctx.settings)
        with self.ctx.catalog.read() as con:
            found = get_project(con, project)
            require_open(con, found.id)
            check_quota(con, found)
        project_id = found.id
        return self.ctx.catalog.write(
            lambda tx: open_receipt(tx, project_id, kind, source, options)
        )

    def finish(self, receipt_id: int) -> None:
        """Say that all of an arrival is here; the work on it begins."""
        self.ctx.catalog.write(lambda tx: set_receipt(tx, receipt_id, ReceiptState.PENDING))
        self.ctx.ask_intake(SORT_STEP, receipt_id)

    def receipt(self, key: str) -> ReceiptDetail:
        """Give a receipt with its items."""
        with self.ctx.catalog.read() as con:
            return get_receipt(con, key)

    def begin_upload(
        self,
        project: str,
        filename: str,
        *,
        subject: str | None = None,
        study: str | None = None,
        native: bool = False,
        size_bytes: int | None = None,
    ) -> Upload:
        """Open a receipt for a file that is about to be streamed in.

        With `native`, DICOM and Bruker files go to whom they say, and only others to the target.

        Raises
        ------
        NotFound, DiskFull, Invalid
            Before a byte is taken.
        """
        if study and not subject:
            raise Invalid("a study was named without its subject", hint="Name both.")
        require_space(self.ctx.folder, self.ctx.settings, size_bytes or 0)
        options = target_options(subject, study, native=native)
        receipt_id, key = self.begin(ArrivalKind.UPLOAD, project, "upload", options)
        return Upload(self.ctx, receipt_id, key, filename, self.finish)

    def import_path(
        self,
        project: str,
        path: Path,
        *,
        patients_id: str | None = None,
        studies_id: str | None = None,
        pattern: str | None = None,
        extrafiles_filter: str | None = None,
    ) -> ReceiptDetail:
        """Import a file or a folder of this machine; the source stays as it is.

        Parameters
        ----------
        patients_id, studies_id : str, optional
            Subject and study that take everything.
        pattern : str, optional
            Regular expression with ``(?<patients_id>...)`` and ``(?<studies_id>...)`` on the path.
        extrafiles_filter : str, optional
            Extensions, separated by commas, of other files that are taken along.

        Returns
        -------
        ReceiptDetail
            Of the arrival, on which work begins.

        Raises
        ------
        NotFound, Invalid, DiskFull
            If there is no such project or path, the pattern matches nothing, or space is short.
        """
        source = Path(path).expanduser().absolute()
        check_source(self.ctx.folder, source, pattern)
        options = Options(
            subject=safe_target(patients_id),
            study=safe_target(studies_id),
            pattern=pattern,
            extra=extensions_in(extrafiles_filter),
            layout=True,
        )
        with self._announced(ArrivalKind.CLI, project, "import", options) as (_, key):
            self.ctx.identities.remember_name(key, str(source))
        return self.receipt(key)

    def take(self, project: str, root: Path, files: Sequence[Found], options: Options) -> str:
        """Take files that a watched folder holds; gives the key of their receipt."""
        source = "watched folder"
        with self._announced(ArrivalKind.DROP, project, source, options) as (receipt_id, key):
            self.ctx.identities.remember_name(key, str(root))
            announce(self.ctx, receipt_id, files, remember=True)
        return key

    @contextmanager
    def _announced(
        self, kind: ArrivalKind, project: str, source: str, options: Options
    ) -> Iterator[tuple[int, str]]:
        """Open a receipt whose files are taken only after all of them are written down."""
        with self._opening:
            receipt_id, key = self.begin(kind, project, source, options)
            self._announcing.add(receipt_id)
        try:
            yield receipt_id, key
        except BaseException:
            self.ctx.catalog.write(lambda tx: withdraw_empty(tx, receipt_id))
            raise
        finally:
            self._announcing.discard(receipt_id)
        self.ctx.ask_intake(COLLECT_STEP, receipt_id)

    def retry(self, key: str) -> ReceiptDetail:
        """Try again what failed or was quarantined.

        Raises
        ------
        NotFound
            If there is no such receipt.
        Conflict
            If nothing of it can be tried again.
        """
        receipt = self.receipt(key)
        if receipt.kind == ArrivalKind.EXISTING:
            self.existing.again(receipt)
            return self.receipt(key)
        if not retry_receipt(self.ctx, receipt.id):
            raise Conflict("nothing of this arrival failed")
        self.reconcile()
        return self.receipt(key)

    def convert_again(self, study_id: int, series: str = "") -> int:
        """Convert series of a study again from their kept originals; tell how many."""
        count = convert_again(self.ctx, study_id, series)
        self.reconcile()
        return count

    def originals_of(self, file_id: int) -> list[Path]:
        """Give the kept DICOM objects that an image was converted from."""
        return originals_of(self.ctx, file_id)

    def image_of_rois(self, document: FileRow) -> FileRow | None:
        """Give the image that a DICOM document of ROIs in a study refers to, if it is here."""
        return image_of_rois(self.ctx, document)

    def resolve(
        self,
        key: str,
        action: str,
        *,
        item_ids: Sequence[int] = (),
        pid: str | None = None,
        actor: str = "",
    ) -> ReceiptDetail:
        """Carry out what a person decided about items that wait or have no target.

        Parameters
        ----------
        action : {"assign", "new", "discard-wait"}
            Same subject, a new one, or no longer waiting: set aside.
        item_ids : sequence of int
            Empty: all that wait.
        pid : str, optional
            Subject to assign to (``PID`` or, for files without a target, ``PID#SID``).
        """
        resolve_items(self.ctx, self.receipt(key), action, item_ids=item_ids, pid=pid, actor=actor)
        self.reconcile()
        return self.receipt(key)

    def original_names(self, key: str, *, actor: str) -> dict[int, str]:
        """Tell the names that files came with, by item; the look is put on record."""
        return original_names(self.ctx, self.receipt(key), actor)

    def waiting_identities(self, key: str, *, actor: str) -> list[WaitingIdentity]:
        """Tell whom waiting files say they are of, and who is known so; put on record."""
        return waiting_identities(self.ctx, self.receipt(key), actor)

    def _hear(self, file_ids: Sequence[int]) -> None:
        self._examiner.hear(file_ids)
        if self._on_files is not None:
            self._on_files(file_ids)

    def _collect(self, receipt_id: int) -> None:
        with self._opening:
            if receipt_id in self._announcing:
                return
        if collect(self.ctx, receipt_id, Early(self.ctx, receipt_id)):
            self.ctx.ask_intake(SORT_STEP, receipt_id)

    def _sort(self, receipt_id: int) -> None:
        try:
            sort_receipt(self.ctx, receipt_id)
        except Exception as error:
            self._give_up(receipt_id, error)
            raise

    def _give_up(self, receipt_id: int, error: Exception) -> None:
        """After a fault: nothing is lost, a person sees it and may retry."""
        reason, hint = "a fault in the service", "The log tells more. Nothing is lost; retry."
        if isinstance(error, (OSError, OperationalError)):
            what = getattr(error, "strerror", None) or error
            reason = f"the disk of the data folder failed: {what}"
            hint = "Look after the disk, then retry. Nothing is lost."
        self.ctx.catalog.write(
            lambda tx: set_receipt(tx, receipt_id, ReceiptState.FAILED, reason=reason, hint=hint)
        )

    def _convert(self, series_id: int) -> None:
        with self._converting or nullcontext():
            self._convert_now(series_id)

    def _convert_now(self, series_id: int) -> None:
        try:
            convert_series(self.ctx, series_id)
        except Exception:
            with self.ctx.catalog.read() as con:
                found = load_series(con, series_id)
            if found is not None:
                fail_series(self.ctx, found[0], "a fault in the service", "The log tells more.")
            raise

    def _tick(self) -> None:
        """Wake series whose quiet time is over, and every half minute whatever else waits."""
        reconciled = looked = now_ms()
        while not self._stopping.wait(_TICK_S):
            since, looked = looked, now_ms()
            try:
                for series_id in newly_due(self.ctx, since, looked):
                    self.ctx.ask(CONVERT_STEP, series_id)
                if looked - reconciled >= _RECONCILE_S * 1000:
                    reconciled = looked
                    self.reconcile()
            except Exception:  # noqa: BLE001 - an outer loop: the next round tries again
                _LOG.exception("the clock of the exchange room stumbled")
