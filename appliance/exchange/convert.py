"""The step that converts one series: dcm2niix, place, catalog, preview."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import DiskFull, StorageError, now_ms
from appliance.exchange.blackened import objects_to_convert
from appliance.exchange.carried import convert_carried, convert_pictures
from appliance.exchange.context import Context
from appliance.exchange.converter import (
    Converted,
    convert_objects,
    is_shadowed,
    record_comparison,
)
from appliance.exchange.crash import crash_point
from appliance.exchange.dcm2niix import ConverterRefused
from appliance.exchange.disk import require_space
from appliance.exchange.documents import Waits, convert_documents, hold, roi_documents, wake
from appliance.exchange.incomplete import convert_whole
from appliance.exchange.place import (
    ENTERED,
    PlacedFile,
    enter_series,
    place_named,
    place_outputs,
    write_nodeinfo,
)
from appliance.exchange.quarantine import write_reason
from appliance.exchange.receipts import recount
from appliance.exchange.series import Facts, identity_of, load_series
from appliance.exchange.sort import CONVERT_STEP
from appliance.exchange.versions import new_versions
from appliance.privacy import Identity, ProjectPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from appliance.catalog import Tx

__all__ = ["convert_series", "fail_series"]

_LOG = logging.getLogger(__name__)
OPEN = ("ready", ENTERED)
_GROWTH = 2  # an image takes at most about twice the space of its objects


def convert_series(ctx: Context, series_id: int) -> None:
    """Convert a series that is ready; a step that may be repeated.

    When more objects come while it runs, it runs again; a series that is not ready, or not all
    of whose objects are in place, is left alone.
    """
    while (found := _ready(ctx, series_id)) is not None:
        row, facts = found
        try:
            if row["state"] == ENTERED or _convert(ctx, row, facts):
                _finish(ctx, row)
                return
        except Waits as waits:
            if hold(ctx, row, waits):
                return
        except DiskFull as full:
            _note(ctx, series_id, full.message)
            return
        except ConverterRefused as refused:
            if fail_series(ctx, row, refused.message, refused.hint):
                return
        except StorageError as error:
            _LOG.warning("series %s waits: %s", row["key"], error.message)
            _note(ctx, series_id, error.message)
            return


def _ready(ctx: Context, series_id: int) -> tuple[Any, Facts] | None:
    with ctx.catalog.read() as con:
        found = load_series(con, series_id)
        if found is None or found[0]["state"] not in OPEN or found[0]["ready_at"] > now_ms():
            return None
        moving = con.execute(
            "SELECT 1 FROM receipt_items WHERE series_id = ? AND from_place IS NOT NULL"
            " AND state = 'sorted' LIMIT 1",
            (series_id,),
        ).fetchone()
    return None if moving else found


def _convert(ctx: Context, row: Any, facts: Facts) -> bool:
    """Do one round; False when more objects came meanwhile."""
    documents = roi_documents(ctx, row, facts)
    if documents:
        return convert_documents(ctx, row, facts, documents, _identity(ctx, row))
    if not facts.image:
        return convert_carried(ctx, row, facts, _identity(ctx, row))
    source = ctx.folder.originals / row["project"] / row["key"]
    require_space(ctx.folder, ctx.settings, _GROWTH * _size(ctx, row["id"]))
    policy = ProjectPolicy.of(msgspec.json.decode(row["policy"]))
    with ctx.scratch(f"convert-{row['key']}") as scratch:
        converted = _converted(
            ctx, row, objects_to_convert(policy, source, scratch), scratch, policy
        )
        crash_point("convert.ran")
        placed = place_outputs(
            ctx, row, converted.outputs, _identity(ctx, row), compress=policy.nifti == "nii.gz"
        )
        if converted.films:
            placed += place_named(ctx, row, converted.films)
    if converted.compared:
        record_comparison(ctx, row["id"], converted)
    entered = enter_series(ctx, row, facts, placed, note=_note_of(converted, placed))
    crash_point("convert.entered")
    return entered


def _converted(
    ctx: Context, row: Any, source: Path, scratch: Path, policy: ProjectPolicy
) -> Converted:
    """Make images; of what the converter has no use for, whole volumes or pictures as they are."""
    timeout_s = ctx.settings.imports.convert_timeout_s
    try:
        converted = convert_objects(
            source,
            scratch,
            converter=policy.converter,
            shadowed=is_shadowed(row["key"], ctx.settings.imports.shadow_share),
            timeout_s=timeout_s,
        )
        if not any(output.has_gaps for output in converted.outputs):
            return converted  # else it may have laid the slices of all volumes upon each other
        whole = convert_whole(source, scratch / "whole", timeout_s=timeout_s)
        return whole or converted
    except ConverterRefused:
        whole = convert_whole(source, scratch / "whole", timeout_s=timeout_s)
        if whole is not None:
            return whole
        images, films = convert_pictures(source, scratch, row["modality"])
        if not images and not films:
            raise
        return Converted(outputs=images, films=films)


def _note_of(converted: Converted, placed: Sequence[PlacedFile]) -> str:
    """Say on the receipt what somebody should know of a conversion that succeeded."""
    notes = []
    if newer := new_versions(file.path for file in placed):
        notes.append(f"a new version: {newer}; what others refer to stays as it was")
    if converted.note:
        notes.append(converted.note)
    if converted.differs:
        notes.append(
            f"our conversion differs from dcm2niix in {converted.differs}; dcm2niix's is kept"
        )
    return "; ".join(notes)


def _finish(ctx: Context, row: Any) -> None:
    """Do what follows the catalog: the study's ``nodeinfo.json``, and previews."""
    write_nodeinfo(ctx, row)
    with ctx.catalog.read() as con:
        images = con.execute(
            "SELECT f.id FROM files f JOIN series s ON s.id = f.series_id WHERE s.key = ?"
            " AND f.kind = 'image' AND f.trashed_at IS NULL",
            (row["key"],),
        ).fetchall()
    ctx.on_files([int(image[0]) for image in images])
    _wake(ctx, row)
    ctx.catalog.write(
        lambda tx: tx.con.execute(
            "UPDATE incoming_series SET state = 'done' WHERE id = ? AND state = ?",
            (row["id"], ENTERED),
        )
    )


def _wake(ctx: Context, row: Any) -> None:
    """Have documents looked at anew that wait for a series whose fate is known now."""
    for series_id in wake(ctx, row):
        ctx.ask(CONVERT_STEP, series_id)


def _size(ctx: Context, series_id: int) -> int:
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT ifnull(sum(size_bytes), 0) FROM receipt_items WHERE series_id = ?"
            " AND place LIKE 'originals/%'",
            (series_id,),
        ).fetchone()
    return int(row[0])


def _identity(ctx: Context, row: Any) -> Identity | None:
    """Tell whom a series shows, from one of its own objects."""
    from appliance.formats import DicomRecord, scan_dicom

    with ctx.catalog.read() as con:
        item = con.execute(
            "SELECT place FROM receipt_items WHERE series_id = ? AND place LIKE 'originals/%'",
            (row["id"],),
        ).fetchone()
    found = next(iter(scan_dicom([ctx.path(item["place"])])), None) if item else None
    return identity_of(found) if isinstance(found, DicomRecord) else None


def _note(ctx: Context, series_id: int, reason: str) -> None:
    """Leave a series ready, to be tried again later, and say on its receipts why it waits."""

    def write(tx: Tx) -> None:
        tx.con.execute("UPDATE incoming_series SET reason = ? WHERE id = ?", (reason, series_id))
        tx.con.execute(
            "UPDATE receipts SET reason = ?, updated_at = ? WHERE id IN (SELECT receipt_id FROM"
            " receipt_items WHERE series_id = ? AND state = 'sorted')",
            (reason, now_ms(), series_id),
        )
        recount(tx, _receipts(tx, series_id))

    ctx.catalog.write(write)


def fail_series(ctx: Context, row: Any, reason: str, hint: str) -> bool:
    """Quarantine a series: its originals stay where they are, with the reason beside.

    Returns
    -------
    bool
        False when more objects came meanwhile: then it is worth another try.
    """
    place = ctx.folder.quarantine / "series" / f"{row['project']}-{row['key']}"
    write_reason(ctx, place, reason, hint)

    def write(tx: Tx) -> bool:
        receipts = _receipts(tx, row["id"])
        failed = tx.con.execute(
            "UPDATE incoming_series SET state = 'failed', reason = ?, done_rev = rev"
            " WHERE id = ? AND rev = ?",
            (reason, row["id"], row["rev"]),
        ).rowcount
        if failed:
            tx.con.execute(
                "UPDATE receipt_items SET state = 'quarantined', reason = ?, hint = ?"
                " WHERE series_id = ? AND state IN ('sorted', 'stored')",
                (reason, hint, row["id"]),
            )
            recount(tx, receipts)
        return failed > 0

    failed = ctx.catalog.write(write)
    if failed:
        _wake(ctx, row)
    return failed


def _receipts(tx: Tx, series_id: int) -> list[int]:
    rows = tx.con.execute(
        "SELECT DISTINCT receipt_id FROM receipt_items WHERE series_id = ?"
        " AND state IN ('sorted', 'stored')",
        (series_id,),
    ).fetchall()
    return [int(row[0]) for row in rows]
