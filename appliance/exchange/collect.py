"""Bringing files from a folder into ``incoming/``: announced first, then moved or linked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from appliance.core import DiskFull, Invalid, StorageError
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import (
    claim,
    move_synced,
    require_space,
    storing,
    sync_disk,
    sync_folders,
)
from appliance.exchange.folder_scan import Found, Trouble, read_folder
from appliance.exchange.names import is_archive, item_key, neutral_name, path_hash
from appliance.exchange.receipts import (
    add_items,
    receipt_options,
    recount,
    set_receipt,
    update_items,
)
from appliance.exchange.rows import ArrivalKind, ItemState, Options, ReceiptState

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = [
    "Found",
    "Onward",
    "announce",
    "collect",
    "compile_name_pattern",
    "pattern_target",
    "walk_files",
]

_CHUNK = 1000
_PARALLEL = 16  # files that are taken at a time: a disk is waited for, not the processor
_PARALLEL_SYNCED = 1  # the same, of files whose bytes are durable already
_MANY = 64  # files for which the whole disk is synced at once
Change = tuple[int, dict[str, Any]]
_NOT_TAKEN = "it is a "  # what `read_folder` says of links and devices
_NOT_TAKEN_HINT = "Put the files themselves there."
_UNREADABLE_HINT = "Give the service the right to read it, then retry."


class Onward(Protocol):
    """Who works on what was taken already while the rest is still being taken."""

    def expect(self, sources: Mapping[int, str]) -> None:
        """Hear what will be taken, in order: ids of items and where they lie now."""

    def taken(self, item_ids: Sequence[int]) -> None:
        """Hear that the next items are here, durable and written down; others still come."""


def walk_files(root: Path, trouble: Trouble, *, ours: Path | None = None) -> Iterator[Found]:
    """Give every finished regular file below a folder, sorted; links to folders are not followed.

    Parameters
    ----------
    root : Path
        A folder or a single file.
    trouble : callable
        Hears of folders and files that cannot be read or are not taken, with the reason.
    ours : Path, optional
        The data folder; links that lead into it are not followed.
    """
    if root.is_file():
        facts = root.stat()
        yield Found(str(root), facts.st_size, facts.st_mtime_ns)
        return
    waiting = [str(root)]
    while waiting:
        folder = waiting.pop()
        listing = read_folder(folder, trouble, ours=ours)
        yield from listing.files
        waiting += (f"{folder}/{name}" for name in reversed(listing.folders))


def announce(
    ctx: Context, receipt_id: int, files: Sequence[Found], *, remember: bool = False
) -> None:
    """Write down what will be taken, before anything is touched.

    Parameters
    ----------
    remember : bool
        Whether the files also go into the list of those that a watcher must not take again.
    """
    row = _receipt(ctx, receipt_id)
    known = set(ctx.identities.original_names(f"{row['key']}/").values())
    n = _last_number(ctx, receipt_id)
    fresh = [file for file in files if file.text not in known]
    for start in range(0, len(fresh), _CHUNK):
        part = list(enumerate(fresh[start : start + _CHUNK], n + start + 1))
        ctx.identities.remember_names((item_key(row["key"], k), f.text) for k, f in part)
        crash_point("collect.named")
        ctx.catalog.write(_announcing(receipt_id, str(row["key"]), part, remember=remember))
        crash_point("collect.announced")


def _announcing(
    receipt_id: int, key: str, part: Sequence[tuple[int, Found]], *, remember: bool
) -> Callable[[Tx], None]:
    items = [_item(key, n, file) for n, file in part]

    def write(tx: Tx) -> None:
        ids = add_items(tx, receipt_id, items)
        if remember:
            tx.con.executemany(
                "INSERT INTO taken_files (path_hash, size_bytes, mtime_ns, item_id)"
                " VALUES (?, ?, ?, ?) ON CONFLICT (path_hash) DO UPDATE SET"
                " size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,"
                " item_id = excluded.item_id",
                [
                    (path_hash(file.text), file.size_bytes, file.mtime_ns, item_id)
                    for item_id, (_, file) in zip(ids, part, strict=True)
                ],
            )
        recount(tx, [receipt_id])

    return write


def _item(key: str, n: int, file: Found) -> dict[str, Any]:
    name = neutral_name(n, file.name)
    return {
        "n": n,
        "name": name,
        "place": f"incoming/{key}/{name}",
        "size_bytes": file.size_bytes,
        "mtime_ns": file.mtime_ns,
        "state": ItemState.EXPECTED,
    }


def collect(ctx: Context, receipt_id: int, onward: Onward | None = None) -> bool:
    """Take what was announced; a step that may be repeated.

    Parameters
    ----------
    onward : Onward, optional
        Hears of what is here, part by part, but not of the last part.

    Returns
    -------
    bool
        True when everything is here (or is known to be gone) and the work can go on.
    """
    row = _receipt(ctx, receipt_id)
    if row is None or row["state"] != ReceiptState.RECEIVING or row["kind"] == ArrivalKind.DICOM:
        return False
    options = receipt_options(row)
    try:
        if row["kind"] == ArrivalKind.CLI:
            _look(ctx, row)
        _fetch(ctx, row, options, onward)
    except StorageError as error:  # full, or not mounted: it waits and is tried again
        _wait(ctx, receipt_id, error)
        return False

    def complete(tx: Tx) -> None:
        set_receipt(tx, receipt_id, ReceiptState.PENDING)
        recount(tx, [receipt_id])

    ctx.catalog.write(complete)
    return True


def _wait(ctx: Context, receipt_id: int, error: StorageError) -> None:
    ctx.catalog.write(
        lambda tx: set_receipt(
            tx, receipt_id, ReceiptState.RECEIVING, reason=error.message, hint=error.hint
        )
    )


def _look(ctx: Context, row: Any) -> None:
    """Walk the source of an import by path; what cannot be read becomes a failed item."""
    source = ctx.identities.original_name(str(row["key"]))
    problems: list[tuple[Path, str]] = []
    if source is not None:
        ours = Path(os.path.realpath(ctx.folder.root))
        files = list(
            walk_files(Path(source), lambda at, why: problems.append((at, why)), ours=ours)
        )
        announce(ctx, row["id"], files)
    if problems:
        report_unreadable(ctx, row["id"], str(row["key"]), problems)


def report_unreadable(
    ctx: Context, receipt_id: int, key: str, problems: Sequence[tuple[Path, str]]
) -> None:
    """Put folders and files that cannot be read onto the receipt."""
    known = set(ctx.identities.original_names(f"{key}/").values())
    new = [(path, why) for path, why in problems if str(path) not in known]
    first = _last_number(ctx, receipt_id) + 1
    ctx.identities.remember_names(
        (item_key(key, n), str(path)) for n, (path, _) in enumerate(new, first)
    )
    items = [
        {
            "n": n,
            "name": f"{n:06d}",
            "place": f"incoming/{key}/{n:06d}",
            "state": ItemState.FAILED,
            "reason": why if why.startswith(_NOT_TAKEN) else f"cannot be read: {why}",
            "hint": _NOT_TAKEN_HINT if why.startswith(_NOT_TAKEN) else _UNREADABLE_HINT,
        }
        for n, (_, why) in enumerate(new, first)
    ]

    def write(tx: Tx) -> None:
        add_items(tx, receipt_id, items)
        recount(tx, [receipt_id])

    ctx.catalog.write(write)


def _fetch(ctx: Context, row: Any, options: Options, onward: Onward | None) -> None:
    with ctx.catalog.read() as con:
        items = con.execute(
            "SELECT id, n, place, size_bytes FROM receipt_items"
            " WHERE receipt_id = ? AND state = 'expected' AND from_place IS NULL ORDER BY n",
            (row["id"],),
        ).fetchall()
    if not items:
        return
    names = ctx.identities.original_names(f"{row['key']}/")
    require_space(ctx.folder, ctx.settings)
    ctx.folder.check_marker(ctx.folder.incoming)
    home = ctx.folder.incoming / str(row["key"])
    ctx.make_folder(home)
    there = frozenset(os.listdir(home))  # noqa: PTH208 - names, of very many
    if onward is not None and len(items) > _CHUNK:
        onward.expect({i["id"]: names[item_key(row["key"], i["n"])] for i in items})
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="taking") as pool:
        for start in range(0, len(items), _CHUNK):
            part = items[start : start + _CHUNK]
            sources = {i["id"]: names[item_key(row["key"], i["n"])] for i in part}
            synced = len(part) >= _MANY and sync_disk(home)
            n_shares = _PARALLEL_SYNCED if synced else _PARALLEL
            take = partial(
                _take_share,
                ctx,
                sources=sources,
                move=options.move,
                there=there if synced else None,
            )
            shares = [pool.submit(take, part[k::n_shares]) for k in range(n_shares)]
            changes = [change for share in shares for change in share.result()]
            gone = {i: s for i, s in sources.items() if options.move and not os.path.lexists(s)}
            sync_folders(
                [home, *(Path(at) for at in dict.fromkeys(map(os.path.dirname, gone.values())))]
            )
            crash_point("collect.taken")
            _record(ctx, row["id"], changes, forget=gone)
            crash_point("collect.recorded")
            if onward is not None and start + _CHUNK < len(items):
                onward.taken([i["id"] for i in part])


def _take_share(
    ctx: Context,
    items: Sequence[Any],
    *,
    sources: Mapping[int, str],
    move: bool,
    there: frozenset[str] | None,
) -> list[Change]:
    """Take some files, one after the other; their bytes are durable when this returns.

    `there` says that the disk is synced, and which names are not free any more.
    """
    changes: list[Change] = []
    moved: dict[str, tuple[os.stat_result, Path]] = {}
    for item in items:
        source = sources[item["id"]]
        facts = _take_at_once(ctx, item, source, there) if move else None
        if facts is None:
            changes.append(_take(ctx, item, Path(source), move=move, synced=there is not None))
        else:
            changes.append(_received(item["id"], facts))
            moved[source] = facts, ctx.path(item["place"])
    held = ctx.ahead.adopt(moved)
    came = {item_id for item_id, change in changes if change["state"] == ItemState.RECEIVED}
    here = [i["place"] for i in items if i["id"] in came and not is_archive(i["place"])]
    ctx.ahead.read([path for path in map(ctx.path, here) if path not in held])
    return changes


def _record(
    ctx: Context,
    receipt_id: int,
    changes: Sequence[Change],
    *,
    forget: Mapping[int, str],
) -> None:
    """Write down what was taken; `forget` names items whose source comes anew if it comes again."""
    taken = [(path_hash(source), item_id) for item_id, source in forget.items()]

    def write(tx: Tx) -> None:
        update_items(tx, changes)
        tx.con.executemany("DELETE FROM taken_files WHERE path_hash = ? AND item_id = ?", taken)
        recount(tx, [receipt_id])

    ctx.catalog.write(write)


def _take_at_once(
    ctx: Context, item: Any, source: str, there: frozenset[str] | None
) -> os.stat_result | None:
    """Rename a plain file of a synced disk; None when `_take` has to look closer."""
    if there is None or item["place"].rpartition("/")[2] in there:
        return None
    return move_synced(source, f"{ctx.folder.root}/{item['place']}")


def _received(item_id: int, facts: os.stat_result) -> Change:
    size, mtime = facts.st_size, facts.st_mtime_ns
    return item_id, {"state": ItemState.RECEIVED, "size_bytes": size, "mtime_ns": mtime}


def _take(ctx: Context, item: Any, source: Path, *, move: bool, synced: bool) -> Change:
    target = ctx.path(item["place"])
    try:
        with storing(f"{item['place']}"):
            claim(source, target, move=move, synced=synced)
            facts = target.stat()
    except DiskFull:
        raise
    except StorageError as error:
        change = {
            "state": ItemState.FAILED,
            "reason": f"cannot be taken: {error.message.partition(': ')[2]}",
            "hint": "Put the file back or mend its permissions, then retry.",
        }
        return item["id"], change
    return _received(item["id"], facts)


def compile_name_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern on paths, with JavaScript's named groups as NORA users write them.

    Raises
    ------
    Invalid
        If it does not compile or names neither ``patients_id`` nor ``studies_id``.
    """
    try:
        compiled = re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except re.error as error:
        raise Invalid(
            f"the pattern does not compile: {error}", hint="Check its brackets."
        ) from error
    if not compiled.groupindex.keys() & {"patients_id", "studies_id"}:
        raise Invalid(
            "the pattern names no group",
            hint="Use (?<patients_id>...) and (?<studies_id>...).",
        )
    return compiled


def pattern_target(pattern: re.Pattern[str], path: Path, root: Path) -> dict[str, str]:
    """Match a pattern on the folder of a file, then on its parents up to the source itself."""
    for folder in (path.parent, *path.parent.parents):
        found = pattern.search(str(folder))
        if found:
            return {name: value for name, value in found.groupdict().items() if value}
        if folder == root or not folder.is_relative_to(root):
            break
    return {}


def _receipt(ctx: Context, receipt_id: int) -> Any:
    with ctx.catalog.read() as con:
        return con.execute("SELECT * FROM receipts WHERE id = ?", (receipt_id,)).fetchone()


def _last_number(ctx: Context, receipt_id: int) -> int:
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT ifnull(max(n), 0) FROM receipt_items WHERE receipt_id = ?", (receipt_id,)
        ).fetchone()
    return int(row[0])
