"""Arrived DICOM documents of ROIs: converted to masks beside the images they were drawn on.

A document whose images are not here waits; the conversion of a series wakes those that wait
for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import FormatError, now_ms, safe_name
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.dcm2niix import ConverterRefused
from appliance.exchange.originals import originals_of
from appliance.exchange.place import PlacedFile, enter_series, place_named
from appliance.exchange.receipts import recount
from appliance.exchange.referred import referred_images, referred_series
from appliance.exchange.rows import ItemState
from appliance.exchange.series import Facts
from appliance.privacy import Identity, scrub_text

if TYPE_CHECKING:
    from appliance.catalog import FileRow, Tx
    from appliance.formats import Label, RegionsRead, RoiReference, RoiReferences

    _Best = tuple[RegionsRead, RoiReference | None, FileRow | None]

__all__ = ["Waits", "convert_documents", "hold", "roi_documents", "wake"]

_MODALITIES = ("SEG", "RTSTRUCT")
_WAITS = (
    "state = 'waiting' AND project_id = ? AND pid = ?"
    " AND EXISTS (SELECT 1 FROM json_each(waits_for) w WHERE w.value = ?)"
)
_ABSENT = "the series it was drawn on is not here"
_ABSENT_HINT = "It is kept, and becomes ROIs by itself when that series arrives."
_NO_IMAGE = "the structure set does not tell which images it was drawn on"
_NO_IMAGE_HINT = "It is kept with the originals. Write it with references to its images."
_ELSEWHERE = "it lies in another frame of reference than the series it refers to"
_ELSEWHERE_HINT = "It is kept with the originals, and ROIs of it would lie in the wrong place."
_OWN_GRID = "it lies on another grid than the image, and was kept on its own"


class Waits(Exception):
    """The images that a series of documents was drawn on are not here yet."""

    def __init__(self, series_uids: Sequence[str]) -> None:
        super().__init__(_ABSENT)
        self.series_uids = sorted(set(series_uids))


def roi_documents(ctx: Context, row: Any, facts: Facts) -> list[tuple[Path, RoiReferences]]:
    """Give the documents among the objects of a series, with what they refer to."""
    from appliance.formats import roi_references

    if facts.modality not in _MODALITIES:
        return []
    with ctx.catalog.read() as con:
        items = con.execute(
            "SELECT place FROM receipt_items WHERE series_id = ? AND place LIKE 'originals/%'"
            " ORDER BY id",
            (row["id"],),
        ).fetchall()
    paths = [ctx.path(item["place"]) for item in items]
    return [(path, told) for path in paths if (told := roi_references(path)) is not None]


def convert_documents(
    ctx: Context,
    row: Any,
    facts: Facts,
    found: Sequence[tuple[Path, RoiReferences]],
    identity: Identity | None,
) -> bool:
    """Make masks and label maps of documents; False when more objects came meanwhile.

    Raises
    ------
    Waits
        If the images are not here.
    ConverterRefused
        If a document is damaged, tells no images or lies elsewhere.
    """
    images = [_images(ctx, row, told) for _, told in found]
    with ctx.scratch(f"convert-{row['key']}") as scratch:
        made: list[Path] = []
        for n, ((path, told), known) in enumerate(zip(found, images, strict=True), 1):
            try:
                best = _best(ctx, path, told, known)
                made += _convert(told, best, scratch / f"s{n:03d}", identity)
            except FormatError as error:
                hint = "It is kept with the originals. Send it again from where it was drawn."
                raise ConverterRefused(f"damaged: {error.message}", hint=hint) from error
        crash_point("convert.ran")
        placed = place_named(ctx, row, made)
    tagged = [_tagged(file) for file in placed]
    return enter_series(ctx, row, facts, tagged)


def hold(ctx: Context, row: Any, waits: Waits) -> bool:
    """Let a series of documents wait; False when it is worth another try at once.

    While the images are still being converted its items stay open; else they are kept with the
    reason, so that their arrival comes to an end.
    """

    def write(tx: Tx) -> bool:
        now = tx.con.execute("SELECT rev FROM incoming_series WHERE id = ?", (row["id"],))
        owner = row["project_id"], row["pid"]
        if now.fetchone()["rev"] != row["rev"] or referred_images(
            tx.con, *owner, waits.series_uids
        ):
            return False
        tx.con.execute(
            "UPDATE incoming_series SET state = 'waiting', reason = ?, waits_for = ? WHERE id = ?",
            (_ABSENT, msgspec.json.encode(waits.series_uids).decode(), row["id"]),
        )
        if not _on_the_way(tx, owner, waits.series_uids):
            _keep_items(tx, row["id"])
        return True

    return ctx.catalog.write(write)


def wake(ctx: Context, row: Any) -> list[int]:
    """Make the documents ready that wait for a series; give the ids of theirs."""
    whom = row["project_id"], row["pid"], row["series_uid"]
    with ctx.catalog.read() as con:  # what begins to wait after this sees the series' images
        if con.execute(f"SELECT 1 FROM incoming_series WHERE {_WAITS}", whom).fetchone() is None:
            return []

    def write(tx: Tx) -> list[int]:
        rows = tx.con.execute(
            "UPDATE incoming_series SET state = 'ready', reason = '', waits_for = '[]',"
            f" ready_at = ? WHERE {_WAITS} RETURNING id",
            (now_ms(), *whom),
        ).fetchall()
        return [int(found[0]) for found in rows]

    return ctx.catalog.write(write)


def _images(ctx: Context, row: Any, told: RoiReferences) -> list[FileRow]:
    owner = row["project_id"], row["pid"]
    with ctx.catalog.read() as con:
        series = referred_series(con, *owner, told)
        found = referred_images(con, *owner, series)
    if found:
        return found
    if series:
        raise Waits(series)
    if told.form == "rtstruct":
        raise ConverterRefused(_NO_IMAGE, hint=_NO_IMAGE_HINT)
    return []


def _convert(told: RoiReferences, best: _Best, stem: Path, identity: Identity | None) -> list[Path]:
    """Write the files of one document: a label map or masks, and a sidecar that tells of them."""
    from appliance.formats import RoiReference

    found, place, image = best
    place = place or RoiReference(found.grid)
    labels = [_clean(label, identity) for label in found.labels]
    volume, n_overlaps = found.label_map()
    notes, made = list(found.notes), []
    if n_overlaps:
        notes.insert(0, f"{n_overlaps} voxels belong to several regions; each is a mask of its own")
        for label, (_, mask) in zip(labels, found.masks(), strict=True):
            target = stem.with_name(f"{stem.name}_{label.value:02d}_{_plain(label)}.nii.gz")
            made.append(_write(target, mask.data, place, [replace(label, value=1)]))
    else:
        made.append(_write(stem.with_name(f"{stem.name}.nii.gz"), volume.data, place, labels))
    doc = {
        "Modality": "SEG" if told.form == "seg" else "RTSTRUCT",
        "Label": told.label if identity is None else scrub_text(told.label, identity),
        "Sources": [image.path] if image is not None else [],
        "ROIs": [asdict(label) for label in labels],
        "Notes": notes,
    }
    sidecar = stem.with_name(f"{stem.name}.json")
    sidecar.write_bytes(msgspec.json.format(msgspec.json.encode(doc)) + b"\n")
    return [*made, sidecar]


def _best(ctx: Context, path: Path, told: RoiReferences, images: Sequence[FileRow]) -> _Best:
    """Read a document on the image whose planes are its own; a segmentation else on its own."""
    from appliance.catalog import file_path
    from appliance.formats import read_reference, read_structures, segmentation_regions

    near = [image for image in images if _same_frame(ctx, image, told)]
    if images and not near:
        raise ConverterRefused(_ELSEWHERE, hint=_ELSEWHERE_HINT)
    best: _Best | None = None
    read = segmentation_regions if told.form == "seg" else read_structures
    for image in near:
        place = read_reference(file_path(ctx.folder, image))
        found = read(path, place.grid)
        best = best or (found, place, image)
        if found.is_exact:
            return found, place, image
    if best is not None and told.form == "rtstruct":
        return best
    alone = segmentation_regions(path)
    if near:
        alone.notes.append(_OWN_GRID)
    return alone, None, near[0] if near else None


def _same_frame(ctx: Context, image: FileRow, told: RoiReferences) -> bool:
    from appliance.formats import frame_of_reference

    objects = originals_of(ctx, image.id)
    own = frame_of_reference(objects[0]) if objects else ""
    return not own or not told.frame_uid or own == told.frame_uid


def _write(target: Path, data: Any, place: RoiReference, labels: Sequence[Label] = ()) -> Path:
    from appliance.formats import write_roi

    with target.open("wb") as stream:
        write_roi(stream, target.name, data, place, labels)
    return target


def _tagged(file: PlacedFile) -> PlacedFile:
    is_mask = file.path.endswith(".nii.gz")
    return msgspec.structs.replace(file, tags=("mask",)) if is_mask else file


def _clean(label: Label, identity: Identity | None) -> Label:
    return label if identity is None else replace(label, name=scrub_text(label.name, identity))


def _plain(label: Label) -> str:
    return safe_name(label.name, fallback="region")[:60]


def _on_the_way(tx: Tx, owner: tuple[int, str], series_uids: Sequence[str]) -> bool:
    marks = ",".join("?" * len(series_uids))
    found = tx.con.execute(
        "SELECT 1 FROM incoming_series WHERE project_id = ? AND pid = ?"
        f" AND state IN ('ready', 'entered') AND series_uid IN ({marks})",
        (*owner, *series_uids),
    )
    return found.fetchone() is not None


def _keep_items(tx: Tx, series_id: int) -> None:
    rows = tx.con.execute(
        "UPDATE receipt_items SET state = ?, reason = ?, hint = ? WHERE series_id = ?"
        " AND state IN ('sorted', 'quarantined') RETURNING receipt_id",
        (ItemState.STORED, _ABSENT, _ABSENT_HINT, series_id),
    ).fetchall()
    recount(tx, {int(row[0]) for row in rows})
