"""Files that are no DICOM: moved into their study's folder and catalogued as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from appliance.core import FormatError, safe_join, sha256_file
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import move_file, sync_folders
from appliance.exchange.names import suffix_of
from appliance.exchange.receipts import recount, update_items
from appliance.exchange.rows import ItemState
from appliance.exchange.targets import Target

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.formats import FileFacts

__all__ = ["finish_files", "store_file"]

_MOST_COPIES = 10_000
_CHUNK = 100
_IMAGES = frozenset({"image", "labels"})


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
            "SELECT 1 FROM receipt_items"
            " WHERE place = ? AND state = 'sorted' AND series_id IS NULL",
            (place,),
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
    for start in range(0, len(rows), _CHUNK):
        found = _finish(ctx, receipt_id, rows[start : start + _CHUNK])
        if found:
            ctx.on_files(found)


def _finish(ctx: Context, receipt_id: int, rows: Sequence[Any]) -> list[int]:
    """Move and catalog some files in one go; gives the ids of the images among them."""
    from appliance.formats import file_facts

    ctx.folder.check_marker(ctx.folder.projects)
    for row in rows:
        path = ctx.path(row["place"])
        ctx.make_folder(path.parent)
        move_file(ctx.path(row["from_place"]), path)
    places = (place for row in rows for place in (row["place"], row["from_place"]))
    sync_folders(ctx.path(place).parent for place in places)
    crash_point("store.moved")
    facts = [file_facts(ctx.path(row["place"]), strict=True) for row in rows]

    def write(tx: Tx) -> list[int]:
        ids = [_catalog(ctx, tx, row, found) for row, found in zip(rows, facts, strict=True)]
        recount(tx, [receipt_id])
        return ids

    ids = ctx.catalog.write(write)
    crash_point("store.done")
    return [i for i, found in zip(ids, facts, strict=True) if found["kind"] in _IMAGES]


def _catalog(ctx: Context, tx: Tx, row: Any, facts: FileFacts) -> int:
    from appliance.catalog import add_file, ensure_study, ensure_subject

    home = ctx.folder.projects / row["project"] / row["pid"] / row["sid"]
    path = str(ctx.path(row["place"]).relative_to(home))
    subject_id = ensure_subject(tx, row["project_id"], row["pid"])
    study_id = ensure_study(tx, subject_id, row["sid"])
    origin = f"receipt:{row['key']}/{row['n']:06d}"
    series_id = _series_at(tx, study_id, path.rpartition("/")[0])
    file_id = add_file(
        tx, study_id, path, series_id=series_id, origin=origin, sha256=row["sha256"], **facts
    )
    update_items(tx, [(row["id"], {"state": ItemState.STORED, "from_place": None, "reason": ""})])
    return file_id


def _series_at(tx: Tx, study_id: int, folder: str) -> int | None:
    """Give the series of a folder, unless its files are made of DICOM objects."""
    row = tx.con.execute(
        "SELECT id FROM series r WHERE study_id = ? AND folder = ?"
        " AND NOT EXISTS (SELECT 1 FROM incoming_series c WHERE c.key = r.key)",
        (study_id, folder),
    ).fetchone()
    return int(row["id"]) if row else None


def _change(ctx: Context, row: Any, change: dict[str, Any]) -> None:
    """Change one item; the receipt is counted anew when all of it is decided."""
    ctx.catalog.write(lambda tx: update_items(tx, [(row["id"], change)]))
