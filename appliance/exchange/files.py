"""Files that are no DICOM: moved into their study's folder and catalogued as they are."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from appliance.core import FormatError, safe_join, sha256_file
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import move_file, sync_folders
from appliance.exchange.names import suffix_of
from appliance.exchange.receipts import change_items, recount, update_items
from appliance.exchange.rows import ItemState
from appliance.exchange.targets import Target

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.formats import FileFacts

__all__ = ["finish_files", "store_file"]

_MOST_COPIES = 10_000


def store_file(ctx: Context, row: Any, target: Target) -> None:
    """Reserve a file's place in its study, move it there and catalog it.

    Parameters
    ----------
    row : sqlite3.Row
        The item, with ``key`` (of the receipt) and ``project``.
    target : Target
        Where it goes.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    from appliance.formats import file_facts

    file_facts(ctx.path(row["place"]), strict=True)
    place, same = _free_place(ctx, row, target)
    if same:
        change = {"state": ItemState.DUPLICATE, "pid": target.pid, "sid": target.sid}
        _change(ctx, row, {**change, "reason": "the study holds this file already"})
        ctx.path(row["place"]).unlink(missing_ok=True)
        return
    change = {"state": ItemState.SORTED, "pid": target.pid, "sid": target.sid}
    _change(ctx, row, {**change, "place": place, "from_place": row["place"]})
    crash_point("store.reserved")


def _free_place(ctx: Context, row: Any, target: Target) -> tuple[str, bool]:
    """Give a place that is free, or the one that holds the same bytes already."""
    home = safe_join(ctx.folder.projects, row["project"], target.pid, target.sid)
    source = ctx.path(row["place"])
    for n in range(1, _MOST_COPIES):
        path = safe_join(home, _numbered(target.path, n))
        place = ctx.place(path)
        if path.exists():
            if path.stat().st_size == source.stat().st_size and _same(path, source):
                return place, True
        elif not _reserved(ctx, place):
            return place, False
    raise FormatError("too many files of this name")


def _reserved(ctx: Context, place: str) -> bool:
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT 1 FROM receipt_items WHERE place = ? AND state = 'sorted'", (place,)
        ).fetchone()
    return row is not None


def _same(a: Path, b: Path) -> bool:
    return sha256_file(a) == sha256_file(b)


def _numbered(path: str, n: int) -> str:
    if n == 1:
        return path
    pure = PurePosixPath(path)
    suffix = suffix_of(pure.name) or pure.suffix
    stem = pure.name[: len(pure.name) - len(suffix)]
    return str(pure.with_name(f"{stem}_{n}{suffix}"))


def finish_files(ctx: Context, receipt_id: int) -> None:
    """Move and catalog every reserved file of a receipt; a step that may be repeated."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT i.*, r.key, r.project_id, p.name AS project FROM receipt_items i"
            " JOIN receipts r ON r.id = i.receipt_id JOIN projects p ON p.id = r.project_id"
            " WHERE i.receipt_id = ? AND i.state = 'sorted' AND i.series_id IS NULL",
            (receipt_id,),
        ).fetchall()
    images = [_finish(ctx, row) for row in rows]
    found = [file_id for file_id in images if file_id is not None]
    if found:
        ctx.on_files(found)


def _finish(ctx: Context, row: Any) -> int | None:
    from appliance.formats import file_facts

    path = ctx.path(row["place"])
    ctx.folder.check_marker(ctx.folder.projects)
    ctx.make_folder(path.parent)
    move_file(ctx.path(row["from_place"]), path)
    sync_folders([path.parent, ctx.path(row["from_place"]).parent])
    crash_point("store.moved")
    home = ctx.folder.projects / row["project"] / row["pid"] / row["sid"]
    facts = file_facts(path, strict=True)
    file_id = ctx.catalog.write(lambda tx: _catalog(tx, row, str(path.relative_to(home)), facts))
    crash_point("store.done")
    return file_id if facts["kind"] in {"image", "labels"} else None


def _catalog(tx: Tx, row: Any, path: str, facts: FileFacts) -> int:
    from appliance.catalog import add_file, ensure_study, ensure_subject

    subject_id = ensure_subject(tx, row["project_id"], row["pid"])
    study_id = ensure_study(tx, subject_id, row["sid"])
    origin = f"receipt:{row['key']}/{row['n']:06d}"
    file_id = add_file(tx, study_id, path, origin=origin, sha256=row["sha256"], **facts)
    update_items(tx, [(row["id"], {"state": ItemState.STORED, "from_place": None, "reason": ""})])
    recount(tx, [row["receipt_id"]])
    return file_id


def _change(ctx: Context, row: Any, change: dict[str, Any]) -> None:
    change_items(ctx.catalog, row["receipt_id"], [(row["id"], change)])
