"""One file streamed in over HTTP: written as it comes, durable before it is acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING

from appliance.core import StorageError
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space, storing, sync_folders
from appliance.exchange.names import item_key, neutral_name
from appliance.exchange.receipts import add_items, get_receipt, recount, set_receipt
from appliance.exchange.rows import ItemState, ReceiptDetail, ReceiptState

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["Upload"]

_BATCH_BYTES = 1 << 20
_CHECK_EVERY_BYTES = 64 << 20


class Upload:
    """An upload under way; end it with `commit` or `abort`.

    Attributes
    ----------
    key : str
        Of the receipt, which is there already.
    """

    def __init__(
        self,
        ctx: Context,
        receipt_id: int,
        key: str,
        filename: str,
        finish: Callable[[int], None],
    ) -> None:
        self.key = key
        self._ctx, self._receipt_id, self._finish = ctx, receipt_id, finish
        self._name = neutral_name(1, filename)
        self._home = ctx.folder.incoming / key
        self._hash = hashlib.sha256()
        self._size = self._checked = 0
        ctx.folder.check_marker(ctx.folder.incoming)
        ctx.identities.remember_name(item_key(key, 1), filename)
        with storing("an upload"):
            ctx.make_folder(self._home)
            self._part = self._home / f"{self._name}.part"
            self._stream = self._part.open("wb")

    def write(self, piece: bytes) -> None:
        """Write the next bytes.

        Raises
        ------
        DiskFull
            If space runs out; the upload is then to be aborted.
        """
        with storing("an upload"):
            self._stream.write(piece)
        self._hash.update(piece)
        self._size += len(piece)
        if self._size - self._checked >= _CHECK_EVERY_BYTES:
            self._checked = self._size
            require_space(self._ctx.folder, self._ctx.settings)

    def commit(self) -> ReceiptDetail:
        """Make the file durable, journal it, and begin the work on it."""
        with storing("an upload"):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            crash_point("upload.written")
            self._part.replace(self._home / self._name)
            sync_folders([self._home])
        crash_point("upload.renamed")
        self._ctx.catalog.write(self._journal)
        crash_point("upload.journaled")
        self._finish(self._receipt_id)
        with self._ctx.catalog.read() as con:
            return get_receipt(con, self.key)

    def abort(self, reason: str = "the upload was cut off") -> None:
        """Give up: remove what came, and say so on the receipt."""
        self._stream.close()
        self._part.unlink(missing_ok=True)
        self._ctx.catalog.write(
            lambda tx: set_receipt(
                tx, self._receipt_id, ReceiptState.FAILED, reason=reason, hint="Send it again."
            )
        )

    async def receive(self, pieces: AsyncIterable[bytes]) -> ReceiptDetail:
        """Write everything that a request streams, then commit; abort when it breaks off.

        The event loop is never blocked by the disk.
        """
        try:
            batch = bytearray()
            async for piece in pieces:
                batch += piece
                if len(batch) >= _BATCH_BYTES:
                    await asyncio.to_thread(self.write, bytes(batch))
                    batch.clear()
            await asyncio.to_thread(self.write, bytes(batch))
        except BaseException as error:
            reason = error.message if isinstance(error, StorageError) else "the upload was cut off"
            await asyncio.shield(asyncio.to_thread(self.abort, reason))
            raise
        return await asyncio.to_thread(self.commit)

    def _journal(self, tx: Tx) -> None:
        target = self._home / self._name
        item = {
            "n": 1,
            "name": self._name,
            "place": self._ctx.place(target),
            "size_bytes": self._size,
            "mtime_ns": target.stat().st_mtime_ns,
            "sha256": self._hash.hexdigest(),
            "state": ItemState.RECEIVED,
        }
        add_items(tx, self._receipt_id, [item])
        set_receipt(tx, self._receipt_id, ReceiptState.PENDING)
        recount(tx, [self._receipt_id])
