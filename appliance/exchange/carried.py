"""Objects that are no stack: what they carry is catalogued, or the receipt says why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import FormatError
from appliance.exchange.crash import crash_point
from appliance.exchange.dcm2niix import Output
from appliance.exchange.place import enter_series, place_named
from appliance.exchange.rows import ItemState
from appliance.privacy import Identity, ProjectPolicy, scrub_text

if TYPE_CHECKING:
    from appliance.exchange.context import Context
    from appliance.exchange.series import Facts

__all__ = ["convert_carried", "convert_pictures"]

_KEPT = "kept with the originals"
_STACKS = frozenset({"CT", "MR", "PT", "NM", "RTDOSE", "SEG"})
"""What the converter refuses of these is damaged, or has to be placed in the room."""


def convert_carried(ctx: Context, row: Any, facts: Facts, identity: Identity | None) -> bool:
    """Make files of what a series without images carries; False when more came meanwhile."""
    keeps_dates = ProjectPolicy.of(msgspec.json.decode(row["policy"])).keep_dates
    made: list[Path] = []
    reasons: list[str] = []
    with ctx.scratch(f"convert-{row['key']}") as scratch:
        for n, path in enumerate(_objects(ctx, row), 1):
            try:
                stem = scratch / f"s{n:03d}"
                made += _carried(path, stem, _cleaner(identity), dates=keeps_dates)
            except FormatError as error:
                reasons.append(_reason(error))
        crash_point("convert.ran")
        placed = place_named(ctx, row, made) if made else []
    note = "; ".join([*dict.fromkeys(reasons), _KEPT]) if reasons else ""
    state = "converted" if placed else ItemState.STORED
    return enter_series(ctx, row, facts, placed, state=state, note=note)


def _carried(path: Path, stem: Path, clean: Callable[[str], str], *, dates: bool) -> list[Path]:
    from appliance.formats import carried_files

    return carried_files(path, stem, clean, dates=dates)


def _objects(ctx: Context, row: Any) -> list[Path]:
    with ctx.catalog.read() as con:
        items = con.execute(
            "SELECT place FROM receipt_items WHERE series_id = ? AND place LIKE 'originals/%'"
            " ORDER BY id",
            (row["id"],),
        ).fetchall()
    return [ctx.path(item["place"]) for item in items]


def _cleaner(identity: Identity | None) -> Callable[[str], str]:
    return lambda text: scrub_text(text, identity) if identity is not None else text


def _reason(error: FormatError) -> str:
    """Give what an object is, without the name of its file."""
    _, holds, what = error.message.rpartition(" holds ")
    return f"it holds {what}" if holds else error.message


def convert_pictures(source: Path, target: Path, modality: str) -> tuple[list[Output], list[Path]]:
    """Make images, or films, of objects that the converter refused.

    Returns
    -------
    tuple of (list of Output, list of Path)
        Images and films; nothing when they should have been a stack, or cannot be decoded.
    """
    from appliance.formats import pictures

    paths = sorted(path for path in source.iterdir() if path.is_file())
    if modality in _STACKS or not paths:
        return [], []
    into = target / "pictures"
    into.mkdir()
    try:
        made = pictures(paths, into)
    except FormatError:
        return [], _films(paths, into)
    images = [path for path in made if path.suffix == ".nii"]
    return [Output(path, (path.with_suffix(".json"),), "") for path in images], []


def _films(paths: Sequence[Path], into: Path) -> list[Path]:
    from appliance.formats import carried_files

    made: list[Path] = []
    for n, path in enumerate(paths, 1):
        try:
            made += carried_files(path, into / f"s{n:03d}", _cleaner(None))
        except FormatError:
            return []
    return made
