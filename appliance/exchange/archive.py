"""Archives that arrive: judged before a byte is unpacked, then unpacked under neutral names."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from appliance.core import Refused, StorageError
from appliance.exchange.archive_kinds import DAMAGED, Archive, Member, archive_of
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space, storing, sync_folders
from appliance.exchange.names import ARCHIVES, is_junk, item_key, neutral_name
from appliance.exchange.receipts import add_items, change_items, recount, update_items
from appliance.exchange.rows import ItemState

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["unpack_archives"]

_CHUNK_BYTES = 1 << 20
_CHUNK = 500
_MAX_DEPTH = 1
_ARCHIVES = " OR ".join(f"i.name LIKE '%{suffix}'" for suffix in ARCHIVES)


def _judged(archive: Archive) -> list[Member]:
    """Give the members that are no leftovers of a desktop."""
    kept = [member for member in archive.members() if not _leftover(member.name)]
    if not kept:
        raise Refused(f"the {archive.word} holds no files")
    return kept


def _leftover(name: str) -> bool:
    parts = [part for part in name.split("/") if part and part != "."]
    return any(part.startswith(".") or is_junk(part) for part in parts)


def unpack_archives(ctx: Context, receipt_id: int) -> None:
    """Unpack every archive of a receipt, nested ones too; a step that may be repeated.

    Raises
    ------
    DiskFull
        If there is no room for the members; nothing is lost.
    """
    while True:
        archives = _archives(ctx, receipt_id)
        if not archives:
            return
        for row in archives:
            _unpack(ctx, row)


def _archives(ctx: Context, receipt_id: int) -> list[Any]:
    with ctx.catalog.read() as con:
        return con.execute(
            "SELECT i.*, r.key FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"
            " WHERE i.receipt_id = ? AND (i.state = 'unpacking'"
            f" OR (i.state = 'received' AND ({_ARCHIVES})))",
            (receipt_id,),
        ).fetchall()


def _unpack(ctx: Context, row: Any) -> None:
    from appliance.exchange.quarantine import quarantine_item

    path = ctx.path(row["place"])
    try:
        if row["depth"] > _MAX_DEPTH:
            raise Refused("archives within archives within an archive", hint="Unpack them before.")
        archive = archive_of(path, ctx.settings.imports)
        members = _judged(archive)
    except Refused as refused:
        quarantine_item(ctx, row, refused.message, refused.hint)
        return
    require_space(ctx.folder, ctx.settings, sum(member.size_bytes for member in members))
    if row["state"] == ItemState.RECEIVED:
        _announce_members(ctx, row, members)
    damaged = _extract(ctx, row, archive)
    _retire(ctx, row, path, damaged=damaged)


def _announce_members(ctx: Context, row: Any, members: Sequence[Member]) -> None:
    with ctx.catalog.read() as con:
        last = con.execute(
            "SELECT max(n) FROM receipt_items WHERE receipt_id = ?", (row["receipt_id"],)
        ).fetchone()[0]
    numbered = list(enumerate(members, last + 1))
    outer = ctx.identities.original_name(item_key(row["key"], row["n"])) or row["name"]
    ctx.identities.remember_names(
        (item_key(row["key"], n), f"{outer}!/{member.name}") for n, member in numbered
    )
    items = [_member_item(row, n, member) for n, member in numbered]

    def write(tx: Tx) -> None:
        add_items(tx, row["receipt_id"], items)
        update_items(tx, [(row["id"], {"state": ItemState.UNPACKING})])
        recount(tx, [row["receipt_id"]])

    ctx.catalog.write(write)
    crash_point("unpack.announced")


def _member_item(row: Any, n: int, member: Member) -> dict[str, Any]:
    name = neutral_name(n, member.name)
    return {
        "n": n,
        "name": name,
        "place": f"incoming/{row['key']}/{name}",
        "from_place": f"#{row['id']}:{member.index}",
        "size_bytes": member.size_bytes,
        "state": ItemState.EXPECTED,
        "depth": row["depth"] + 1,
        "pid": row["pid"],
        "sid": row["sid"],
    }


def _extract(ctx: Context, row: Any, archive: Archive) -> bool:
    """Write the members that are still missing; tell whether one was damaged."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT id, place, from_place, size_bytes FROM receipt_items WHERE receipt_id = ?"
            " AND state = 'expected' AND from_place LIKE ? ORDER BY n",
            (row["receipt_id"], f"#{row['id']}:%"),
        ).fetchall()
    waiting = {int(item["from_place"].rpartition(":")[2]): item for item in rows}
    changes: list[tuple[int, dict[str, Any]]] = []
    damaged = False
    try:
        for index, stream in archive.read(frozenset(waiting)):
            changes.append(_extract_one(ctx, stream, waiting.pop(index)))
            damaged |= changes[-1][1]["state"] == ItemState.FAILED
            if len(changes) >= _CHUNK:
                _record_members(ctx, row, changes)
                changes.clear()
    except (*DAMAGED, OSError) as error:  # what follows a damaged place cannot be found
        if isinstance(error, OSError) and not isinstance(error, DAMAGED):
            raise StorageError(f"reading an archive: {error.strerror}") from error
    changes += [_damaged_member(item) for item in waiting.values()]
    _record_members(ctx, row, changes)
    return damaged or bool(waiting)


def _record_members(ctx: Context, row: Any, changes: list[tuple[int, dict[str, Any]]]) -> None:
    sync_folders([ctx.folder.incoming / row["key"]])
    crash_point("unpack.written")
    change_items(ctx.catalog, row["receipt_id"], changes)


def _extract_one(ctx: Context, stream: BinaryIO | None, item: Any) -> tuple[int, dict[str, Any]]:
    target = ctx.path(item["place"])
    part = target.with_name(f"{target.name}.part")
    try:
        if stream is None:
            return _damaged_member(item)
        with storing("unpacking an archive"), part.open("wb") as writer:
            _copy_member(stream, item["size_bytes"], writer)
            writer.flush()
            os.fsync(writer.fileno())
        part.replace(target)
    except (*DAMAGED, StorageError) as error:
        part.unlink(missing_ok=True)
        if isinstance(error, StorageError):
            raise
        return _damaged_member(item)
    facts = target.stat()
    return item["id"], {
        "state": ItemState.RECEIVED,
        "from_place": None,
        "size_bytes": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
    }


def _damaged_member(item: Any) -> tuple[int, dict[str, Any]]:
    return item["id"], {
        "state": ItemState.FAILED,
        "reason": "damaged within the archive",
        "hint": "Send this file again.",
        "from_place": None,
    }


def _copy_member(reader: BinaryIO, announced: int, writer: BinaryIO) -> None:
    """Copy what was announced, no more and no less, whatever the packed bytes give."""
    left = announced
    while piece := _read_packed(reader):
        left -= len(piece)
        if left < 0:
            raise ValueError("longer than announced")
        writer.write(piece)
    if left:
        raise EOFError("shorter than announced")


def _read_packed(reader: BinaryIO) -> bytes:
    try:
        return reader.read(_CHUNK_BYTES)
    except gzip.BadGzipFile as error:  # an OSError, but no fault of the disk
        raise EOFError from error


def _retire(ctx: Context, row: Any, path: Path, *, damaged: bool) -> None:
    """Let the members stand for the archive; a damaged one is kept beside its reason."""
    from appliance.exchange.quarantine import set_aside

    change: dict[str, Any] = {"state": ItemState.UNPACKED}
    if damaged:
        change["place"] = set_aside(ctx, row, "some members are damaged")
    change_items(ctx.catalog, row["receipt_id"], [(row["id"], change)])
    crash_point("unpack.done")
    if not damaged:
        path.unlink(missing_ok=True)
