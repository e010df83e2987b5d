"""What a watched folder's files have become: which were taken already, which may be deleted."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from appliance.exchange.collect import report_unreadable
from appliance.exchange.context import Context
from appliance.exchange.folder_scan import Found
from appliance.exchange.names import path_hash
from appliance.exchange.rows import Receipt

__all__ = ["delete_imported", "fresh_files", "tell_blocked"]

_CHUNK = 400
_SAFE = ("converted", "stored", "duplicate")
_OPEN = ("expected", "received", "sorted", "unpacking")


def fresh_files(ctx: Context, files: Sequence[Found]) -> list[Found]:
    """Leave out what was taken already, at this size and time."""
    found = []
    for part, rows in _taken(ctx, files, "SELECT * FROM taken_files t"):
        for file in part:
            row = rows.get(path_hash(file.text))
            if row is None or not _same(file, row):
                found.append(file)
    return found


def tell_blocked(
    ctx: Context,
    receipt: Receipt,
    problems: Sequence[tuple[Path, str]],
    blocked: Sequence[Found],
) -> None:
    """Put what cannot be taken onto a receipt, once."""
    why = dict(problems)
    report_unreadable(ctx, receipt.id, receipt.key, [(f.path, why[f.path]) for f in blocked])
    rows = [(path_hash(f.text), f.size_bytes, f.mtime_ns) for f in blocked]
    ctx.catalog.write(
        lambda tx: tx.con.executemany(
            "INSERT OR REPLACE INTO taken_files (path_hash, size_bytes, mtime_ns, item_id)"
            " VALUES (?, ?, ?, 0)",
            rows,
        )
    )


def delete_imported(ctx: Context, files: Sequence[Found]) -> tuple[int, bool]:
    """Delete files that are imported and whose copy here has the same bytes.

    Returns
    -------
    (int, bool)
        How many went, and whether the import of others is still under way.
    """
    n, busy = 0, False
    sql = (
        "SELECT t.*, i.state, i.place, i.from_place, i.sop_uid FROM taken_files t"
        " JOIN receipt_items i ON i.id = t.item_id"
    )
    for part, rows in _taken(ctx, files, sql):
        gone = []
        for file in part:
            row = rows.get(path_hash(file.text))
            if row is None or not _same(file, row):
                continue
            busy |= row["state"] in _OPEN
            if _is_safe(ctx, file, row):
                file.path.unlink()
                gone.append((row["path_hash"],))
        n += len(gone)
        _forget(ctx, gone)
    return n, busy


def _forget(ctx: Context, hashes: list[tuple[str]]) -> None:
    """A file that comes again under the same name is a new arrival."""
    if hashes:
        ctx.catalog.write(
            lambda tx: tx.con.executemany("DELETE FROM taken_files WHERE path_hash = ?", hashes)
        )


def _is_safe(ctx: Context, file: Found, row: Any) -> bool:
    if row["state"] not in _SAFE or row["from_place"] is not None:
        return False
    copy = _copy_of(ctx, row)
    if copy is None:
        return False
    try:
        facts = file.path.lstat()
        if (facts.st_size, facts.st_mtime_ns) != (file.size_bytes, file.mtime_ns):
            return False
        return file.path.samefile(copy) or filecmp.cmp(file.path, copy, shallow=False)
    except OSError:
        return False


def _copy_of(ctx: Context, row: Any) -> Path | None:
    """Give our copy of a file; that of a duplicate is the object it is a duplicate of."""
    if row["state"] != "duplicate":
        return ctx.path(row["place"])
    if row["sop_uid"] is None:
        return None
    with ctx.catalog.read() as con:
        found = con.execute(
            "SELECT place FROM receipt_items WHERE sop_uid = ? AND place LIKE 'originals/%'"
            " AND from_place IS NULL ORDER BY id LIMIT 1",
            (row["sop_uid"],),
        ).fetchone()
    return ctx.path(found[0]) if found else None


def _taken(
    ctx: Context, files: Sequence[Found], sql: str
) -> Iterator[tuple[Sequence[Found], dict[str, Any]]]:
    """Give files in parts, each with the rows of those that were taken, by hash."""
    for start in range(0, len(files), _CHUNK):
        part = files[start : start + _CHUNK]
        hashes = [path_hash(file.text) for file in part]
        marks = ",".join("?" * len(hashes))
        with ctx.catalog.read() as con:
            rows = con.execute(f"{sql} WHERE t.path_hash IN ({marks})", hashes).fetchall()
        yield part, {row["path_hash"]: row for row in rows}


def _same(file: Found, row: Any) -> bool:
    return bool((file.size_bytes, file.mtime_ns) == (row["size_bytes"], row["mtime_ns"]))
