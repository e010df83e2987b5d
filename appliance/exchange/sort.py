"""The step that sorts an arrival: unpack, scan, decide, move, and ask for conversions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core import FormatError, StorageError, iso, now_ms
from appliance.exchange.archive import unpack_archives
from appliance.exchange.bruker_in import take_bruker
from appliance.exchange.collect import compile_name_pattern
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.dicom_sort import Arrival, Scanned, sort_objects
from appliance.exchange.disk import move_file, require_space, sync_folders
from appliance.exchange.files import finish_files, store_file
from appliance.exchange.held_back import hold_risky
from appliance.exchange.names import item_key
from appliance.exchange.quarantine import quarantine_item
from appliance.exchange.receipts import receipt_options, recount, set_receipt, update_items
from appliance.exchange.routing_apply import divert, routed_policy
from appliance.exchange.rows import ArrivalKind, ItemState, ReceiptState
from appliance.exchange.targets import Targets
from appliance.privacy import ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.formats import ScanProblem

__all__ = ["CONVERT_STEP", "arrival_of", "finish_moves", "sort_receipt", "sort_taken"]

CONVERT_STEP = "exchange.convert"
_SCAN_CHUNK = 2000
_MOVE_CHUNK = 1000  # files that are moved before what waits for the disk is done for all of them
_MOST_QUIETS = 60  # quiet times after which a series that never ends is converted nevertheless
_NOWHERE = "not DICOM, and no target was named: choose the study that it belongs to"
_NOWHERE_HINT = "Select it on the arrivals page and put it there, or upload it into that study."
_FILTERED = "left out by this import's filter of extensions"
_DAMAGED_HINT = "Send it again; a file that is cut off cannot be mended here."
_OPEN = (ReceiptState.PENDING, ReceiptState.WORKING)


def sort_receipt(ctx: Context, receipt_id: int) -> None:
    """Bring every file of an arrival onto its way; a step that may be repeated."""
    if _receipt(ctx, receipt_id)["state"] not in _OPEN:
        return
    ctx.catalog.write(lambda tx: set_receipt(tx, receipt_id, ReceiptState.WORKING))
    try:
        require_space(ctx.folder, ctx.settings)
        while not _work(ctx, _receipt(ctx, receipt_id)):
            pass  # a rule has led it to another project: from there once more
    except StorageError as error:  # full, or not mounted: it waits and is tried again
        reason, hint = error.message, error.hint
        ctx.catalog.write(
            lambda tx: set_receipt(tx, receipt_id, ReceiptState.PENDING, reason=reason, hint=hint)
        )


def _receipt(ctx: Context, receipt_id: int) -> Any:
    with ctx.catalog.read() as con:
        return con.execute(
            "SELECT r.*, p.name AS project FROM receipts r JOIN projects p ON p.id = r.project_id"
            " WHERE r.id = ?",
            (receipt_id,),
        ).fetchone()


def _work(ctx: Context, row: Any) -> bool:
    """Do all of it; False when the arrival now follows a rule and is to be looked at anew."""
    receipt_id = int(row["id"])
    finish_moves(ctx, receipt_id, ask=False)  # of these series, more may be unsorted
    finish_files(ctx, receipt_id)
    unpack_archives(ctx, receipt_id)
    arrival, targets = arrival_of(ctx, row)
    items = _received(ctx, receipt_id)
    if take_bruker(ctx, arrival, items, compress=arrival.policy.nifti == "nii.gz"):
        arrival, targets = arrival_of(ctx, row)
        items = _received(ctx, receipt_id)
    for start in range(0, len(items), _SCAN_CHUNK):
        if not _sort_part(ctx, row, arrival, targets, items=items[start : start + _SCAN_CHUNK]):
            return False
    finish_moves(ctx, receipt_id)
    finish_files(ctx, receipt_id)
    _drop_duplicates(ctx, receipt_id)
    ctx.catalog.write(lambda tx: _conclude(tx, receipt_id))
    for series_id in _due_series(ctx, _series_of(ctx, receipt_id)):
        ctx.ask(CONVERT_STEP, series_id)
    return True


def sort_taken(ctx: Context, arrival: Arrival, item_ids: Sequence[int]) -> None:
    """Sort the DICOM objects among some items; what else there is waits for all the others.

    Nothing is moved yet, so that no series is converted of which more is to come.
    """
    wanted = set(item_ids)
    items = [item for item in _received(ctx, arrival.receipt_id) if item["id"] in wanted]
    objects, others = _scanned(ctx, items)
    ctx.ahead.keep(problem for _, problem in others)
    sort_objects(ctx, arrival, hold_risky(ctx, arrival.policy, objects))
    _drop_duplicates(ctx, arrival.receipt_id)


def arrival_of(ctx: Context, row: Any) -> tuple[Arrival, Targets]:
    """Give what the sorting of a receipt works with, and where its other files go."""
    from appliance.catalog import get_project

    names = ctx.identities.original_names(f"{row['key']}")
    root = names.get(row["key"])
    with ctx.catalog.read() as con:
        project = get_project(con, row["project"])
        subjects = con.execute("SELECT pid FROM subjects WHERE project_id = ?", (project.id,))
        known = frozenset(str(found[0]) for found in subjects)
        numbers = con.execute(
            "SELECT id, n FROM receipt_items WHERE receipt_id = ?", (row["id"],)
        ).fetchall()
    options = receipt_options(row)
    policy = routed_policy(ctx, int(row["id"]), ProjectPolicy.of(project.policy))
    targets = Targets(
        options,
        policy,
        root=Path(root) if root else None,
        pattern=compile_name_pattern(options.pattern) if options.pattern else None,
        today=iso(now_ms())[:10],
        known=known,
    )
    waits = row["kind"] == ArrivalKind.DICOM and not options.complete
    quiet_ms = int(ctx.settings.dicom.quiet_s * 1000) if waits else 0
    arrival = Arrival(
        receipt_id=row["id"],
        key=row["key"],
        project=project,
        policy=policy,
        override=targets.stated,
        original={i["id"]: names.get(item_key(row["key"], i["n"]), i["id"]) for i in numbers},
        ready_at=now_ms() + quiet_ms,
        at_latest_ms=_MOST_QUIETS * quiet_ms,
        released=options.released,
    )
    return arrival, targets


def _received(ctx: Context, receipt_id: int) -> list[Any]:
    with ctx.catalog.read() as con:
        return con.execute(
            "SELECT i.*, r.key, p.name AS project FROM receipt_items i"
            " JOIN receipts r ON r.id = i.receipt_id JOIN projects p ON p.id = r.project_id"
            " WHERE i.receipt_id = ? AND i.state = 'received' ORDER BY i.n",
            (receipt_id,),
        ).fetchall()


def _sort_part(
    ctx: Context, row: Any, arrival: Arrival, targets: Targets, *, items: Sequence[Any]
) -> bool:
    objects, others = _scanned(ctx, items)
    crash_point("sort.scanned")
    ours = divert(ctx, row, objects)
    if ours is None:
        return False
    sort_objects(ctx, arrival, hold_risky(ctx, arrival.policy, ours))
    crash_point("sort.decided")
    only = _only_study(ctx, arrival.receipt_id)
    for item, problem in others:
        _settle_other(ctx, arrival, targets, item=item, problem=problem, only=only)
    return True


def _scanned(
    ctx: Context, items: Sequence[Any]
) -> tuple[list[Scanned], list[tuple[Any, ScanProblem]]]:
    """Give the items that are DICOM objects, and the others with what they are."""
    from appliance.formats import DicomRecord

    objects: list[Scanned] = []
    others: list[tuple[Any, ScanProblem]] = []
    scans = ctx.ahead.scan([ctx.path(i["place"]) for i in items])
    for item, found in zip(items, scans, strict=True):
        if isinstance(found, DicomRecord):
            objects.append(Scanned(item, found))
        else:
            others.append((item, found))
    return objects, others


def _settle_other(
    ctx: Context,
    arrival: Arrival,
    targets: Targets,
    *,
    item: Any,
    problem: ScanProblem,
    only: tuple[str, str] | None,
) -> None:
    """Decide on a file that gave no DICOM record."""
    if problem.reason == "dicomdir":
        _keep_index(ctx, arrival, item)
        return
    if problem.reason != "not_dicom":
        quarantine_item(ctx, item, problem.message, _DAMAGED_HINT)
        return
    original = str(arrival.original[item["id"]])
    if not targets.wanted(original):
        quarantine_item(ctx, item, _FILTERED)
        return
    preset = (item["pid"], item["sid"]) if item["pid"] else None
    target = targets.find(original, preset, only)
    if target is None:
        quarantine_item(ctx, item, _NOWHERE, _NOWHERE_HINT)
        return
    try:
        store_file(ctx, item, target)
    except FormatError as error:
        quarantine_item(ctx, item, f"damaged: {error.message}", _DAMAGED_HINT)


def _keep_index(ctx: Context, arrival: Arrival, item: Any) -> None:
    """Keep the index of a medium beside the originals; the objects themselves say it all."""
    name = f"{item['n']:06d}.dicomdir"
    change = {
        "state": ItemState.STORED,
        "reason": "the index of a medium; kept with the originals",
        "place": f"originals/{arrival.project.name}/media/{arrival.key}/{name}",
        "from_place": item["place"],
    }
    ctx.catalog.write(lambda tx: update_items(tx, [(item["id"], change)]))


def _only_study(ctx: Context, receipt_id: int) -> tuple[str, str] | None:
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT DISTINCT pid, sid FROM receipt_items WHERE receipt_id = ?"
            " AND (series_id IS NOT NULL OR state = 'duplicate') AND pid IS NOT NULL",
            (receipt_id,),
        ).fetchall()
    return (rows[0]["pid"], rows[0]["sid"]) if len(rows) == 1 else None


def finish_moves(
    ctx: Context, receipt_id: int, series: Collection[int] | None = None, *, ask: bool = True
) -> None:
    """Move every file that was decided on; what is done already is found done.

    Folder by folder, the largest first, so that conversions begin while others are still moved.

    Parameters
    ----------
    series : collection of int, optional
        Move only the files of these series.
    ask : bool
        Whether series that are due are converted now.
    """
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT id, place, from_place, series_id FROM receipt_items WHERE receipt_id = ?"
            " AND from_place IS NOT NULL AND state IN ('sorted', 'quarantined', 'stored',"
            " 'duplicate') AND place NOT LIKE 'projects/%'",
            (receipt_id,),
        ).fetchall()
    if series is not None:
        rows = [row for row in rows if row["series_id"] in series]
    if not rows:
        return
    ctx.folder.check_marker(ctx.folder.originals)
    homes: dict[str, list[Any]] = {}
    for row in rows:
        homes.setdefault(row["place"].rpartition("/")[0], []).append(row)
    for part in _parts(sorted(homes.items(), key=lambda pair: -len(pair[1]))):
        _move_homes(ctx, part, ask=ask)
    sources = {row["from_place"].rpartition("/")[0] for row in rows}
    sync_folders(ctx.path(source) for source in sources)
    crash_point("sort.moved")


def _parts(homes: Iterable[tuple[str, list[Any]]]) -> Iterator[dict[str, list[Any]]]:
    """Give folders, in order, in groups of some hundred files; a large one is a group."""
    part: dict[str, list[Any]] = {}
    n = 0
    for home, members in homes:
        part[home] = members
        n += len(members)
        if n >= _MOVE_CHUNK:
            yield part
            part, n = {}, 0
    if part:
        yield part


def _move_homes(ctx: Context, homes: Mapping[str, Sequence[Any]], *, ask: bool) -> None:
    """Move the files of some folders, then perhaps ask for the conversion of their series."""
    ctx.make_folders([ctx.path(home) for home in homes])
    root, rows = str(ctx.folder.root), [row for members in homes.values() for row in members]
    for row in rows:
        move_file(f"{root}/{row['from_place']}", f"{root}/{row['place']}")
        crash_point("sort.moving")
    sync_folders(ctx.path(home) for home in homes)
    ids = [(row["id"],) for row in rows]
    ctx.catalog.write(
        lambda tx: tx.con.executemany(
            "UPDATE receipt_items SET from_place = NULL WHERE id = ?", ids
        )
    )
    for series_id in _due_series(ctx, {row["series_id"] for row in rows} - {None}) if ask else ():
        ctx.ask(CONVERT_STEP, series_id)


def _drop_duplicates(ctx: Context, receipt_id: int) -> None:
    """Remove second copies of bytes that we hold already."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT place FROM receipt_items WHERE receipt_id = ? AND state = 'duplicate'"
            " AND place LIKE 'incoming/%'",
            (receipt_id,),
        ).fetchall()
    for row in rows:
        ctx.path(row["place"]).unlink(missing_ok=True)


def _conclude(tx: Tx, receipt_id: int) -> None:
    n = tx.con.execute(
        "SELECT count(*) FROM receipt_items WHERE receipt_id = ?", (receipt_id,)
    ).fetchone()[0]
    if n == 0:
        led = tx.con.execute("SELECT 1 FROM routed WHERE receipt_id = ?", (receipt_id,)).fetchone()
        state = ReceiptState.DONE if led else ReceiptState.FAILED
        reason = "rules have led all of it elsewhere" if led else "nothing arrived"
        set_receipt(tx, receipt_id, state, reason=reason)
    recount(tx, [receipt_id])


def _series_of(ctx: Context, receipt_id: int) -> list[int]:
    """Give the series whose objects were in place already, as after a retry."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT DISTINCT series_id FROM receipt_items WHERE receipt_id = ?"
            " AND state = 'sorted' AND series_id IS NOT NULL",
            (receipt_id,),
        ).fetchall()
    return [int(row[0]) for row in rows]


def _due_series(ctx: Context, series_ids: Iterable[int]) -> list[int]:
    with ctx.catalog.read() as con:
        return [
            series_id
            for series_id in series_ids
            if con.execute(
                "SELECT 1 FROM incoming_series WHERE id = ? AND state = 'ready' AND ready_at <= ?"
                " AND NOT EXISTS (SELECT 1 FROM receipt_items i WHERE i.series_id = ?"
                "  AND i.from_place IS NOT NULL AND i.state = 'sorted')",
                (series_id, now_ms(), series_id),
            ).fetchone()
        ]
