"""What one association sends: each object durable before it is acknowledged, then journaled."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from appliance.core import ApplianceError, DiskFull
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space, storing, sync_folders
from appliance.exchange.receipts import add_items, mark_complete, recount, withdraw_empty
from appliance.exchange.rows import ArrivalKind, ItemState

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.exchange.importer import Importer

__all__ = ["Reception", "Status"]

_LOG = logging.getLogger(__name__)
_FLUSH_ITEMS, _FLUSH_S = 64, 0.5


class Status(IntEnum):
    """Answers to C-STORE."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    OUT_OF_RESOURCES = 0xA700

    @staticmethod
    def for_error(error: ApplianceError) -> Status:
        """Give the answer that makes a sender keep the object and try again later."""
        full = isinstance(error, DiskFull)
        return Status.OUT_OF_RESOURCES if full else Status.PROCESSING_FAILURE


class Reception:
    """The objects of one association, under one receipt that is there before the first byte.

    The row of an object may follow its acknowledgement by a moment: after a crash the rows are
    made again from the files, which are all in the receipt's folder.

    Attributes
    ----------
    refusal : ApplianceError or None
        Why an object was not taken, if one was not.

    Raises
    ------
    ApplianceError
        If there is no such project, or no space.
    """

    def __init__(self, importer: Importer, project: str, source: str) -> None:
        self._importer, self._ctx = importer, importer.ctx
        self._id, self.key = importer.begin(ArrivalKind.DICOM, project, source)
        self._home = self._ctx.folder.incoming / self.key
        self._items: list[dict[str, Any]] = []
        self._n = self._n_stored = 0
        self.refusal: ApplianceError | None = None
        self._flushed = time.monotonic()
        self._lock = threading.Lock()
        self._closed = False
        with storing("the receipt's folder"):
            self._ctx.make_folder(self._home)

    def store(self, data: bytes) -> Status:
        """Write one object and give the answer to its sender."""
        with self._lock:
            if self._closed:
                return Status.PROCESSING_FAILURE
            try:
                require_space(self._ctx.folder, self._ctx.settings, len(data))
                self._write(data)
                self._n_stored += 1
                self._flush_when_due()
            except ApplianceError as error:
                _LOG.warning("receipt %s: an object was refused: %s", self.key, error.message)
                self.refusal = error
                return Status.for_error(error)
        return Status.SUCCESS

    @property
    def n_stored(self) -> int:
        """Objects that were acknowledged."""
        return self._n_stored

    def abandon(self) -> None:
        """Take nothing more, and forget the arrival: nothing came."""
        with self._lock:
            self._closed = True
            with contextlib.suppress(OSError):
                self._home.rmdir()
            self._ctx.catalog.write(lambda tx: withdraw_empty(tx, self._id))

    def close(self, *, complete: bool = False) -> None:
        """Journal the last objects and begin the work; also after an abort.

        Parameters
        ----------
        complete : bool
            Whether it is known that nothing more belongs to it: then nothing is waited for.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._flush()
                if complete:
                    self._ctx.catalog.write(lambda tx: mark_complete(tx, self._id))
                self._importer.finish(self._id)
            except Exception:  # noqa: BLE001 - the files are safe; the next start takes them up
                _LOG.exception("receipt %s could not be closed", self.key)

    def _write(self, data: bytes) -> None:
        self._n += 1
        name = f"{self._n:06d}.dcm"
        target = self._home / name
        part = self._home / f"{name}.part"
        try:
            with storing("a received object"):
                with part.open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                crash_point("dicom.written")
                part.replace(target)
                sync_folders([self._home])
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        crash_point("dicom.renamed")
        self._items.append(
            {
                "n": self._n,
                "name": name,
                "place": self._ctx.place(target),
                "size_bytes": len(data),
                "mtime_ns": target.stat().st_mtime_ns,
                "sha256": hashlib.sha256(data).hexdigest(),
                "state": ItemState.RECEIVED,
            }
        )

    def _flush_when_due(self) -> None:
        due = time.monotonic() - self._flushed >= _FLUSH_S
        if due or len(self._items) >= _FLUSH_ITEMS:
            self._flush()

    def _flush(self) -> None:
        items, self._items = self._items, []

        def write(tx: Tx) -> None:
            add_items(tx, self._id, items)
            recount(tx, [self._id])

        if items:
            self._ctx.catalog.write(write)
        self._flushed = time.monotonic()
