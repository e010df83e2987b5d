"""Files that are no DICOM: moved into their study's folder and catalogued as they are."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

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

__all__ = ["file_facts", "finish_files", "store_file"]

_MAX_DOC_BYTES = 4 << 20
_MOST_COPIES = 10_000


def file_facts(path: Path) -> dict[str, Any]:
    """Give what the catalog wants to know of a file: size, time, kind, header or document.

    Raises
    ------
    FormatError
        If an image or a JSON file is damaged.
    """
    from appliance.formats import kind_of

    kind, facts = kind_of(path), path.stat()
    found: dict[str, Any] = {
        "size_bytes": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "kind": kind,
    }
    if kind in {"image", "labels"}:
        found["header"] = _header(path)
    if kind == "json" and facts.st_size <= _MAX_DOC_BYTES:
        found["doc"] = _document(path)
    return found


def _header(path: Path) -> Any:
    from appliance.formats import read_header

    if path.suffix == ".img":
        return None  # its facts lie in the .hdr beside it, which may come later
    return read_header(path)


def _document(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError("not a valid JSON file") from error


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
    file_facts(ctx.path(row["place"]))
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
    path = ctx.path(row["place"])
    ctx.folder.check_marker(ctx.folder.projects)
    ctx.make_folder(path.parent)
    move_file(ctx.path(row["from_place"]), path)
    sync_folders([path.parent, ctx.path(row["from_place"]).parent])
    crash_point("store.moved")
    home = ctx.folder.projects / row["project"] / row["pid"] / row["sid"]
    facts = file_facts(path)
    file_id = ctx.catalog.write(lambda tx: _catalog(tx, row, str(path.relative_to(home)), facts))
    crash_point("store.done")
    return file_id if facts["kind"] in {"image", "labels"} else None


def _catalog(tx: Tx, row: Any, path: str, facts: dict[str, Any]) -> int:
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
