"""The account of one import, as the text that stands in the place of a job's log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from appliance.core import iso

__all__ = ["Fate", "import_log"]

_DOORS = {
    "drop": "the drop folder",
    "dicom": "the DICOM listener",
    "upload": "an upload",
    "cli": "the command line",
}
_STUDIES_SHOWN = 50


class Fate(msgspec.Struct, frozen=True):
    """How many files of an import are in a state, for one reason."""

    state: str
    reason: str
    hint: str
    n: int


def import_log(row: sqlite3.Row, fates: Sequence[Fate], studies: Sequence[str]) -> str:
    """Write what came and what became of it.

    The first line never changes. The rest comes when the import has ended, or waits for a
    person, so that a reader who goes on from an offset gets all of it.
    """
    door = _DOORS.get(row["kind"], row["kind"])
    lines = [f"{iso(row['created_at'])}  came through {door} into project {row['project']}"]
    ended = row["updated_at"] if row["state"] == "waiting" else row["closed_at"]
    if ended is not None:
        came = f"{_files(row['n_files'])}, {_size(row['size_bytes'])}"
        lines.append(f"{iso(ended)}  {row['state']}: {came}")
        lines += [*_accounted(row, fates), *_of_studies(studies)]
    return "".join(f"{line}\n" for line in lines)


def _accounted(row: sqlite3.Row, fates: Sequence[Fate]) -> Iterator[str]:
    """Tell of every file: its state and, for those that were not taken, why and what to do."""
    width = len(str(row["n_files"]))
    for fate in fates:
        yield f"  {fate.n:{width}d}  {fate.state}{f': {fate.reason}' if fate.reason else ''}"
        if fate.hint:
            yield f"  {'':{width}}  {fate.hint}"
    if not fates and row["reason"]:
        yield f"  {row['reason']}"
        yield f"  {row['hint']}"


def _of_studies(studies: Sequence[str]) -> Iterator[str]:
    for psid in studies[:_STUDIES_SHOWN]:
        yield f"study {psid}"
    if len(studies) > _STUDIES_SHOWN:
        yield f"and {len(studies) - _STUDIES_SHOWN} more studies"


def _files(n: int) -> str:
    return "1 file" if n == 1 else f"{n} files"


def _size(n_bytes: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} B"
