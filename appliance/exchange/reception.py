"""What one association sends: each object durable before it is acknowledged, then journaled."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from appliance.core import ApplianceError, Conflict, DiskFull
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space, storing, sync_folders
from appliance.exchange.receipts import (
    add_items,
    mark_complete,
    mark_released,
    recount,
    withdraw_empty,
)
from appliance.exchange.rows import ArrivalKind, ItemState, Options

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.catalog import Tx
    from appliance.exchange.importer import Importer

__all__ = ["Incoming", "Reception", "Status"]

_LOG = logging.getLogger(__name__)
_FLUSH_ITEMS, _FLUSH_S = 64, 0.5
_CHECK_BYTES = 1 << 24  # after so many the free space is looked at again


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

    def __init__(
        self, importer: Importer, project: str, source: str, options: Options | None = None
    ) -> None:
        self._importer, self._ctx = importer, importer.ctx
        self._id, self.key = importer.begin(ArrivalKind.DICOM, project, source, options)
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
        """Write one object, a file as it is, and give the answer to its sender."""
        incoming = self.begin(b"")
        incoming.write(memoryview(data))
        return incoming.finish()

    def begin(self, head: bytes, sop_uid: str | None = None) -> Incoming:
        """Open the place of an object whose bytes are to come; `head` stands before them."""
        with self._lock:
            self._n += 1
            return Incoming(self, self._home, self._n, head, sop_uid)

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

    def close(self, *, complete: bool = False, released: bool = False) -> None:
        """Journal the last objects and begin the work; also after an abort.

        Parameters
        ----------
        complete : bool
            Whether it is known that nothing more belongs to it: then nothing is waited for.
        released : bool
            Whether the sender said itself that it was done.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._flush()
                if complete:
                    self._ctx.catalog.write(lambda tx: mark_complete(tx, self._id))
                elif released:
                    self._ctx.catalog.write(lambda tx: mark_released(tx, self._id))
                self._importer.finish(self._id)
            except Exception:  # noqa: BLE001 - the files are safe; the next start takes them up
                _LOG.exception("receipt %s could not be closed", self.key)

    def make_room(self, need_bytes: int) -> None:
        """Refuse what cannot be kept.

        Raises
        ------
        ApplianceError
            If there is too little space, or nothing more is taken.
        """
        if self._closed:
            raise Conflict("nothing more is taken under this receipt")
        require_space(self._ctx.folder, self._ctx.settings, need_bytes)

    def refuse(self, error: ApplianceError) -> Status:
        """Note why an object was not taken."""
        _LOG.warning("receipt %s: an object was refused: %s", self.key, error.message)
        self.refusal = error
        return Status.for_error(error)

    def enter(self, target: Path, item: dict[str, Any]) -> None:
        """Write an object that is on the disk into the journal.

        Raises
        ------
        ApplianceError
            If nothing more is taken: then the object is not there any more.
        """
        with self._lock:
            if self._closed:
                target.unlink()
                raise Conflict("nothing more is taken under this receipt")
            self._items.append({**item, "place": self._ctx.place(target)})
            self._n_stored += 1
            self._flush_when_due()

    def flush(self) -> None:
        """Write the rows of all that was acknowledged."""
        with self._lock:
            self._flush()

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


class Incoming:
    """One object on its way to the disk; the first trouble is kept until it is answered.

    Parameters
    ----------
    reception : Reception
        Under whose receipt it comes.
    home : Path
        Folder that it goes to.
    n : int
        Its number there.
    head : bytes
        What stands before the first byte to come.
    sop_uid : str, optional
        What its sender calls it.
    """

    def __init__(
        self, reception: Reception, home: Path, n: int, head: bytes, sop_uid: str | None
    ) -> None:
        self._reception, self._n, self._sop_uid = reception, n, sop_uid
        self._target = home / f"{n:06d}.dcm"
        self._part = home / f"{n:06d}.dcm.part"
        self._handle = -1
        self._size = self._checked = 0
        self._sum = hashlib.sha256()
        self._trouble: ApplianceError | None = None
        self._try(self._open)
        if head:
            self.write(memoryview(head))

    def write(self, data: memoryview) -> None:
        """Take a piece."""
        if self._trouble is None:
            self._try(lambda: self._append(data))

    def finish(self) -> Status:
        """Make the object durable under its final name; gives the answer to its sender."""
        if self._trouble is None:
            self._try(self._keep)
        if self._trouble is None:
            return Status.SUCCESS
        return self._reception.refuse(self._trouble)

    def drop(self) -> None:
        """Forget what came: the rest will not."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self._part.unlink(missing_ok=True)

    def _try(self, do: Callable[[], None]) -> None:
        try:
            with storing("a received object"):
                do()
        except ApplianceError as error:
            self._trouble = error
            self.drop()
        except BaseException:
            self.drop()
            raise

    def _open(self) -> None:
        self._reception.make_room(0)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._handle = os.open(self._part, flags, 0o644)

    def _append(self, data: memoryview) -> None:
        if self._size - self._checked >= _CHECK_BYTES:
            self._reception.make_room(len(data))
            self._checked = self._size
        self._sum.update(data)
        self._size += len(data)
        while data:
            data = data[os.write(self._handle, data) :]

    def _keep(self) -> None:
        self._reception.make_room(0)
        os.fsync(self._handle)
        mtime_ns = os.fstat(self._handle).st_mtime_ns
        os.close(self._handle)
        self._handle = -1
        crash_point("dicom.written")
        self._part.replace(self._target)
        sync_folders([self._target.parent])
        crash_point("dicom.renamed")
        self._reception.enter(
            self._target,
            {
                "n": self._n,
                "name": self._target.name,
                "size_bytes": self._size,
                "mtime_ns": mtime_ns,
                "sha256": self._sum.hexdigest(),
                "sop_uid": self._sop_uid,
                "state": ItemState.RECEIVED,
            },
        )
