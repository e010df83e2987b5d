"""Zip archives that arrive: judged before a byte is unpacked, then unpacked under neutral names."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from appliance.core import ImportSettings, Refused, StorageError
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import require_space, storing, sync_folders
from appliance.exchange.names import is_junk, item_key, neutral_name
from appliance.exchange.receipts import add_items, change_items, recount, update_items
from appliance.exchange.rows import ItemState

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["check_archive", "unpack_archives"]

_CHUNK_BYTES = 1 << 20
_CHUNK = 500
_FREE_MEMBER_BYTES = 16 << 20  # an empty slice shrinks a thousandfold; only big ones can be bombs
_MAX_DEPTH = 1
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def check_archive(path: Path, limits: ImportSettings) -> list[tuple[int, zipfile.ZipInfo]]:
    """Judge an archive by its directory.

    Returns
    -------
    list of (int, ZipInfo)
        Index and facts of every member that is a file and no leftover of a desktop.

    Raises
    ------
    Refused
        With the reason: damaged, unsafe names, links, encryption, or beyond a limit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (*_DAMAGED, OSError) as error:
        raise Refused("the zip is damaged", hint="Make it anew and send it again.") from error
    for member in members:
        _check_member(member, limits)
    _check_totals(members, limits)
    kept = [(k, m) for k, m in enumerate(members) if not m.is_dir() and not _leftover(m.filename)]
    if not kept:
        raise Refused("the zip holds no files")
    return kept


def _check_member(member: zipfile.ZipInfo, limits: ImportSettings) -> None:
    name = member.orig_filename
    if _unsafe(name):
        raise Refused(
            "the zip holds a name that leads out of its folder",
            hint="Make the zip with relative names only.",
        )
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("the zip holds a link or a device", hint="Zip the files themselves.")
    if member.flag_bits & _ENCRYPTED:
        raise Refused("the zip is encrypted", hint="Send it without a password.")
    _check_ratio(member.file_size, member.compress_size, limits)


def _unsafe(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    return name.startswith(("/", "\\")) or ".." in parts or "\0" in name or drive


def _check_ratio(size: int, packed: int, limits: ImportSettings) -> None:
    if size > _FREE_MEMBER_BYTES and size > limits.max_ratio * max(packed, 1):
        raise Refused(
            f"the zip unpacks to more than {limits.max_ratio:g} times its size",
            hint="This looks like a zip bomb. See imports.max_ratio.",
        )


def _check_totals(members: Sequence[zipfile.ZipInfo], limits: ImportSettings) -> None:
    if len(members) > limits.max_files:
        raise Refused(
            f"the zip holds {len(members)} files, more than {limits.max_files}",
            hint="Send it in parts, or raise imports.max_files.",
        )
    total, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if total > limits.max_total_bytes:
        raise Refused(
            f"the zip unpacks to {total / 1e9:.1f} GB, more than"
            f" {limits.max_total_bytes / 1e9:.1f} GB",
            hint="Send it in parts, or raise imports.max_total_bytes.",
        )
    _check_ratio(total, packed, limits)


def _leftover(name: str) -> bool:
    parts = [part for part in name.split("/") if part]
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
            " OR (i.state = 'received' AND i.name LIKE '%.zip'))",
            (receipt_id,),
        ).fetchall()


def _unpack(ctx: Context, row: Any) -> None:
    from appliance.exchange.quarantine import quarantine_item

    path = ctx.path(row["place"])
    try:
        if row["depth"] > _MAX_DEPTH:
            raise Refused("zips within zips within a zip", hint="Unpack them before sending.")
        members = check_archive(path, ctx.settings.imports)
    except Refused as refused:
        quarantine_item(ctx, row, refused.message, refused.hint)
        return
    require_space(ctx.folder, ctx.settings, sum(m.file_size for _, m in members))
    if row["state"] == ItemState.RECEIVED:
        _announce_members(ctx, row, members)
    damaged = _extract(ctx, row, path)
    _retire(ctx, row, path, damaged=damaged)


def _announce_members(
    ctx: Context, row: Any, members: Sequence[tuple[int, zipfile.ZipInfo]]
) -> None:
    with ctx.catalog.read() as con:
        last = con.execute(
            "SELECT max(n) FROM receipt_items WHERE receipt_id = ?", (row["receipt_id"],)
        ).fetchone()[0]
    numbered = [(n, index, member) for n, (index, member) in enumerate(members, last + 1)]
    outer = ctx.identities.original_name(item_key(row["key"], row["n"])) or row["name"]
    ctx.identities.remember_names(
        (item_key(row["key"], n), f"{outer}!/{m.filename}") for n, _, m in numbered
    )
    items = [_member_item(row, n, index, member) for n, index, member in numbered]

    def write(tx: Tx) -> None:
        add_items(tx, row["receipt_id"], items)
        update_items(tx, [(row["id"], {"state": ItemState.UNPACKING})])
        recount(tx, [row["receipt_id"]])

    ctx.catalog.write(write)
    crash_point("unpack.announced")


def _member_item(row: Any, n: int, index: int, member: zipfile.ZipInfo) -> dict[str, Any]:
    name = neutral_name(n, member.filename)
    return {
        "n": n,
        "name": name,
        "place": f"incoming/{row['key']}/{name}",
        "from_place": f"#{row['id']}:{index}",
        "size_bytes": member.file_size,
        "state": ItemState.EXPECTED,
        "depth": row["depth"] + 1,
        "pid": row["pid"],
        "sid": row["sid"],
    }


def _extract(ctx: Context, row: Any, path: Path) -> bool:
    """Write the members that are still missing; tell whether one was damaged."""
    with ctx.catalog.read() as con:
        waiting = con.execute(
            "SELECT id, place, from_place FROM receipt_items WHERE receipt_id = ?"
            " AND state = 'expected' AND from_place LIKE ? ORDER BY n",
            (row["receipt_id"], f"#{row['id']}:%"),
        ).fetchall()
    damaged = False
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for start in range(0, len(waiting), _CHUNK):
            part = waiting[start : start + _CHUNK]
            changes = [_extract_one(ctx, archive, members, item) for item in part]
            damaged |= any(change["state"] == ItemState.FAILED for _, change in changes)
            _record_members(ctx, row, changes)
    return damaged


def _record_members(ctx: Context, row: Any, changes: list[tuple[int, dict[str, Any]]]) -> None:
    sync_folders([ctx.folder.incoming / row["key"]])
    crash_point("unpack.written")
    change_items(ctx.catalog, row["receipt_id"], changes)


def _extract_one(
    ctx: Context, archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], item: Any
) -> tuple[int, dict[str, Any]]:
    member = members[int(item["from_place"].rpartition(":")[2])]
    target = ctx.path(item["place"])
    part = target.with_name(f"{target.name}.part")
    try:
        with storing("unpacking a zip"), part.open("wb") as writer:
            _copy_member(archive, member, writer)
            writer.flush()
            os.fsync(writer.fileno())
        part.replace(target)
    except (*_DAMAGED, StorageError) as error:
        part.unlink(missing_ok=True)
        if isinstance(error, StorageError):
            raise
        return item["id"], {
            "state": ItemState.FAILED,
            "reason": "damaged within the zip",
            "hint": "Send this file again.",
            "from_place": None,
        }
    facts = target.stat()
    return item["id"], {
        "state": ItemState.RECEIVED,
        "from_place": None,
        "size_bytes": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
    }


def _copy_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, writer: BinaryIO) -> None:
    """Copy no more than the directory announced, whatever the packed bytes give."""
    left = member.file_size
    with archive.open(member) as reader:
        while piece := reader.read(_CHUNK_BYTES):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile("longer than announced")
            writer.write(piece)


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
