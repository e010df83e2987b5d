"""Uploads in parts: each part is durable when it is acknowledged, and the rest may come later.

What was acknowledged outlives the connection and the service. A part must begin where the last
one ended; whoever does not know asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from appliance.core import ApplianceError, Conflict, Invalid, NotFound, now_ms, sha256_file
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space, storing, sync_folders
from appliance.exchange.names import item_key, neutral_name
from appliance.exchange.receipts import add_items, recount, set_receipt
from appliance.exchange.rows import ArrivalKind, ItemState, Options, ReceiptState

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.catalog import Tx

__all__ = ["PartState", "PartUploads"]

_LOG = logging.getLogger(__name__)
_BATCH_BYTES = 1 << 20
_DURABLE_BYTES = 64 << 20  # so much of one part is lost at most when the service dies
_KEEP_MS = 7 * 24 * 3600 * 1000
_AGAIN = "Send it again."


class PartState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload is: `offset_bytes` are safe; at `size_bytes` it is an arrival."""

    key: str
    offset_bytes: int
    size_bytes: int


class PartUploads:
    """All uploads that come in parts.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    begin : callable
        Opens a receipt, given its kind, project, source and options.
    finish : callable
        Begins the work on a receipt whose file is whole.
    """

    def __init__(
        self, ctx: Context, begin: Callable[..., tuple[int, str]], finish: Callable[[int], None]
    ) -> None:
        self._ctx, self._begin, self._finish = ctx, begin, finish
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def begin(
        self, project: str, filename: str, size_bytes: int, options: Options, *, sha256: str = ""
    ) -> PartState:
        """Open a receipt for a file that is about to come.

        Raises
        ------
        NotFound, DiskFull, Invalid
            Before a byte is taken.
        """
        if size_bytes < 1:
            raise Invalid("an empty file cannot be uploaded")
        if options.study and not options.subject:
            raise Invalid("a study was named without its subject", hint="Name both.")
        require_space(self._ctx.folder, self._ctx.settings, size_bytes)
        self._ctx.folder.check_marker(self._ctx.folder.incoming)
        receipt_id, key = self._begin(ArrivalKind.UPLOAD, project, "upload", options)
        self._ctx.identities.remember_name(item_key(key, 1), filename)
        name, now = neutral_name(1, filename), now_ms()
        with storing("an upload"):
            self._ctx.make_folder(self._ctx.folder.incoming / key)
            self._part(key, name).touch()
            sync_folders([self._ctx.folder.incoming / key])
        self._ctx.catalog.write(
            lambda tx: tx.con.execute(
                "INSERT INTO uploads (receipt_id, name, size_bytes, sha256, updated_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (receipt_id, name, size_bytes, sha256.lower(), now),
            )
        )
        return self.state(key)

    def state(self, key: str) -> PartState:
        """Tell how far an upload is.

        Raises
        ------
        NotFound
            If there is no such upload, or it was given up.
        """
        row = self._row(key)
        if row is not None:
            return PartState(
                key=key, offset_bytes=row["offset_bytes"], size_bytes=row["size_bytes"]
            )
        with self._ctx.catalog.read() as con:
            done = con.execute(
                "SELECT i.size_bytes FROM receipts r JOIN receipt_items i ON i.receipt_id = r.id"
                " AND i.n = 1 WHERE r.key = ? AND r.kind = 'upload'",
                (key,),
            ).fetchone()
        if done is None:
            raise NotFound(f"no upload {key!r} is under way", hint="Begin it anew.")
        return PartState(key=key, offset_bytes=done[0], size_bytes=done[0])

    async def receive(
        self, key: str, offset: int, pieces: AsyncIterable[bytes], sha256: str = ""
    ) -> PartState:
        """Take the next part; what came of one that broke off is kept, if it has no checksum.

        Parameters
        ----------
        key : str
            Of the upload.
        offset : int
            Where the part begins.
        pieces : async iterable of bytes
            The part; the last one ends at the size that was announced.
        sha256 : str
            Of the part, in hexadecimal; one that differs is not taken.

        Raises
        ------
        NotFound, Conflict, Invalid, DiskFull
            If there is no such upload, the part begins elsewhere or another one is being sent,
            it does not fit, or space runs out.
        """
        with self._alone(key):
            part = await asyncio.to_thread(_Part, self, key, offset, sha256.lower())
            try:
                batch = bytearray()
                async for piece in pieces:
                    batch += piece
                    if len(batch) >= _BATCH_BYTES:
                        await asyncio.to_thread(part.write, bytes(batch))
                        batch.clear()
                await asyncio.to_thread(part.write, bytes(batch))
            except BaseException as error:
                rest = b"" if isinstance(error, ApplianceError) else bytes(batch)
                await asyncio.shield(asyncio.to_thread(part.broke_off, rest))
                raise
            return await asyncio.to_thread(self._ended, key, part)

    def give_up(self, key: str, reason: str = "given up by the sender") -> None:
        """Remove what came, and say so on the receipt.

        Raises
        ------
        NotFound, Conflict
            If there is no such upload, or a part of it is being sent.
        """
        with self._alone(key):
            row = self._row(key)
            if row is None:
                raise NotFound(f"no upload {key!r} is under way")
            self._drop(row, reason)

    def recover(self) -> None:
        """Finish what was whole when the service ended, and forget what nobody went on with."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(f"{_ROWS} ORDER BY u.receipt_id").fetchall()
        for row in rows:
            try:
                self._recover_one(row)
            except ApplianceError as error:  # told on its receipt, or tried again
                _LOG.warning("an upload waits: %s", error.message)

    def _recover_one(self, row: Any) -> None:
        with self._alone(row["key"]):
            if row["offset_bytes"] == row["size_bytes"]:
                self._whole(row)
            elif row["updated_at"] < now_ms() - _KEEP_MS:
                self._drop(row, "the rest of the upload did not come within a week")

    def note(self, key: str, offset: int) -> None:
        """Write down how much is durable."""
        self._ctx.catalog.write(
            lambda tx: tx.con.execute(
                "UPDATE uploads SET offset_bytes = ?, updated_at = ? WHERE receipt_id ="
                " (SELECT id FROM receipts WHERE key = ?)",
                (offset, now_ms(), key),
            )
        )

    def begun(self, key: str, offset: int) -> tuple[Path, int]:
        """Give the file that a part goes into, and the size it may grow to."""
        row = self._row(key)
        if row is None:
            raise NotFound(f"no upload {key!r} is under way", hint="Begin it anew.")
        if row["offset_bytes"] != offset:
            raise Conflict(
                f"the next part begins at {row['offset_bytes']}, not at {offset}",
                hint="Ask how far the upload is, and go on there.",
            )
        require_space(self._ctx.folder, self._ctx.settings, row["size_bytes"] - offset)
        return self._part(key, row["name"]), int(row["size_bytes"])

    def _ended(self, key: str, part: _Part) -> PartState:
        part.commit()
        row = self._row(key)
        assert row is not None, "it is held"  # noqa: S101
        if row["offset_bytes"] == row["size_bytes"]:
            self._whole(row)
        return PartState(key=key, offset_bytes=row["offset_bytes"], size_bytes=row["size_bytes"])

    def _whole(self, row: Any) -> None:
        """Make the file an arrival; may be repeated after a crash at any point."""
        home = self._ctx.folder.incoming / row["key"]
        part, target = self._part(row["key"], row["name"]), home / row["name"]
        found = target if target.exists() else part
        if row["sha256"] and sha256_file(found) != row["sha256"]:
            self._drop(row, "the checksum of the file differs from the one announced")
            raise Invalid("the checksum of the file differs from the one announced", hint=_AGAIN)
        with storing("an upload"):
            if found is part:
                part.replace(target)
            sync_folders([home])
        crash_point("parts.renamed")
        self._ctx.catalog.write(lambda tx: _journal(tx, self._ctx, row, target))
        crash_point("parts.journaled")
        self._finish(row["receipt_id"])

    def _drop(self, row: Any, reason: str) -> None:
        self._part(row["key"], row["name"]).unlink(missing_ok=True)

        def write(tx: Tx) -> None:
            tx.con.execute("DELETE FROM uploads WHERE receipt_id = ?", (row["receipt_id"],))
            set_receipt(tx, row["receipt_id"], ReceiptState.FAILED, reason=reason, hint=_AGAIN)

        self._ctx.catalog.write(write)

    def _row(self, key: str) -> Any:
        with self._ctx.catalog.read() as con:
            return con.execute(f"{_ROWS} WHERE r.key = ?", (key,)).fetchone()

    def _part(self, key: str, name: str) -> Path:
        return self._ctx.folder.incoming / key / f"{name}.part"

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        with self._lock:
            if key in self._busy:
                raise Conflict("another part of this upload is being sent", hint="Wait for it.")
            self._busy.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(key)


_ROWS = "SELECT u.*, r.key FROM uploads u JOIN receipts r ON r.id = u.receipt_id"


def _journal(tx: Tx, ctx: Context, row: Any, target: Path) -> None:
    item = {
        "n": 1,
        "name": row["name"],
        "place": ctx.place(target),
        "size_bytes": row["size_bytes"],
        "mtime_ns": target.stat().st_mtime_ns,
        "sha256": row["sha256"] or None,
        "state": ItemState.RECEIVED,
    }
    add_items(tx, row["receipt_id"], [item])
    set_receipt(tx, row["receipt_id"], ReceiptState.PENDING)
    recount(tx, [row["receipt_id"]])
    tx.con.execute("DELETE FROM uploads WHERE receipt_id = ?", (row["receipt_id"],))


class _Part:
    """One part that is being written behind what is there."""

    def __init__(self, uploads: PartUploads, key: str, offset: int, sha256: str) -> None:
        self._uploads, self._key, self._sha256 = uploads, key, sha256
        path, self._most = uploads.begun(key, offset)
        self._start = self._end = self._durable = offset
        self._hash = hashlib.sha256()
        with storing("an upload"):
            self._stream: BinaryIO = path.open("r+b")
            self._stream.truncate(offset)  # what was not acknowledged does not count
            self._stream.seek(offset)

    def write(self, piece: bytes) -> None:
        """Write the next bytes.

        Raises
        ------
        Invalid
            If the file gets longer than was announced.
        """
        if self._end + len(piece) > self._most:
            raise Invalid("the part reaches beyond the size that was announced", hint=_AGAIN)
        with storing("an upload"):
            self._stream.write(piece)
        self._hash.update(piece)
        self._end += len(piece)
        if not self._sha256 and self._end - self._durable >= _DURABLE_BYTES:
            self._make_durable()

    def commit(self) -> None:
        """Make the part durable, unless its checksum differs."""
        if self._sha256 and self._hash.hexdigest() != self._sha256:
            self._stream.close()
            raise Invalid("the checksum of the part differs", hint="Send this part again.")
        self._make_durable()
        self._stream.close()

    def broke_off(self, rest: bytes) -> None:
        """Keep what came, unless only the whole of it could be checked."""
        try:
            if not self._sha256:
                self.write(rest)
                self._make_durable()
        finally:
            self._stream.close()

    def _make_durable(self) -> None:
        with storing("an upload"):
            self._stream.flush()
            os.fsync(self._stream.fileno())
        crash_point("parts.written")
        self._uploads.note(self._key, self._end)
        self._durable = self._end
