"""Whether a converted file may take the place of an earlier one, or becomes a new version of it.

A late or re-sent object changes what a series is converted to. What ROIs were drawn on and jobs
have read stays as it is; equal bytes are left alone, so that nothing seems to have changed.
"""

from __future__ import annotations

import filecmp
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.exchange.context import Context

__all__ = [
    "SUPERSEDED",
    "drop_from",
    "free_stem",
    "held_stems",
    "is_placed",
    "new_versions",
    "stem_of",
]

SUPERSEDED = "superseded"
"""Tag of a file that has a newer version beside it."""
_ROIS = """
SELECT DISTINCT i.id FROM json_each(?) w JOIN files i ON i.id = w.value
JOIN files r ON r.study_id = i.study_id AND r.trashed_at IS NULL
  AND ifnull(r.series_id, 0) <> ifnull(i.series_id, 0)
LEFT JOIN file_tags x ON x.x_id = r.id LEFT JOIN tags t ON t.id = x.tag_id
WHERE t.name = 'ANO' OR ((r.kind IN ('mask', 'labels') OR t.name = 'mask')
  AND json_extract(r.header, '$.shape[0]') = json_extract(i.header, '$.shape[0]')
  AND json_extract(r.header, '$.shape[1]') = json_extract(i.header, '$.shape[1]')
  AND json_extract(r.header, '$.shape[2]') = json_extract(i.header, '$.shape[2]'))
"""
"""ROIs are bound to an image by its grid, markers to all of the study."""
_MOST_VERSIONS = 1000
_VERSION = re.compile(r"s\d{3}_v\d+")


def stem_of(path: str) -> str:
    """Give a path without what tells the format; the table beside an image has the same."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}"


def held_stems(ctx: Context, row: Any) -> set[str]:
    """Give the stems of what a series became so far that something else refers to.

    Returns
    -------
    set of str
        Paths in the study without their endings; image, sidecar and tables go together.
    """
    with ctx.catalog.read() as con:
        found = _files(con, row["key"])
        ids = list(found)
        if not ids:
            return set()
        used = {int(one[0]) for one in con.execute(_ROIS, (json.dumps(ids),))}
        for referrer in ctx.referrers:
            used |= referrer(con, ids)
    if msgspec.json.decode(row["policy"]).get("overwrite") == "never":
        used = set(ids)
    return {stem_of(path) for file_id, path in found.items() if file_id in used}


def _files(con: sqlite3.Connection, key: str) -> dict[int, str]:
    """Give the files of a series, earlier versions too, by their ids."""
    from appliance.catalog import get_file

    rows = con.execute(
        "SELECT f.id FROM series s JOIN files f ON f.study_id = s.study_id AND f.series_id = s.id"
        " WHERE s.key = ? AND f.trashed_at IS NULL",
        (key,),
    ).fetchall()
    return {int(one[0]): get_file(con, int(one[0])).path for one in rows}


def free_stem(stem: Path, made: Mapping[str, Path], held: set[str], study: Path) -> Path:
    """Give the place, without ending, that new files may take.

    Parameters
    ----------
    stem : Path
        Where they would go first.
    made : mapping of str to Path
        Ending to new file.
    held : set of str
        Stems whose files have to stay as they are.
    study : Path
        Folder of the study.
    """
    names = (f"{stem.name}_v{n}" if n > 1 else stem.name for n in range(1, _MOST_VERSIONS))
    for name in names:
        place = stem.with_name(name)
        if str(place.relative_to(study)) not in held or _is_same(place, made):
            return place
    return stem.with_name(f"{stem.name}_v{_MOST_VERSIONS}")


def _is_same(stem: Path, made: Mapping[str, Path]) -> bool:
    return all(is_placed(path, _with(stem, ending)) for ending, path in made.items())


def _with(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def new_versions(paths: Iterable[str]) -> str:
    """Name the stems among some files that stand beside an earlier version of theirs."""
    stems = {stem_of(path).rpartition("/")[2] for path in paths}
    return ", ".join(sorted(stem for stem in stems if _VERSION.fullmatch(stem)))


def is_placed(path: Path, target: Path) -> bool:
    """Tell whether a file lies at its place already, byte for byte, however it is packed."""
    if not target.is_file():
        return False
    if filecmp.cmp(path, target, shallow=False):
        return True
    return path.name.endswith(".gz") and target.name.endswith(".gz") and _unpack_alike(path, target)


def _unpack_alike(path: Path, target: Path) -> bool:
    from appliance.formats import is_packed_alike

    return is_packed_alike(path, target)


def drop_from(tx: Tx, study_id: int, found: Mapping[str, int], held: Iterable[str]) -> list[int]:
    """Mark what has a newer version and has to stay; give the others, which may go."""
    from appliance.catalog import tag

    stems = set(held)
    kept = [file_id for path, file_id in found.items() if stem_of(path) in stems]
    if kept:
        tag(tx, "file", kept, add=[SUPERSEDED])
        name = tx.con.execute(
            "SELECT p.name FROM studies s JOIN projects p ON p.id = s.project_id WHERE s.id = ?",
            (study_id,),
        ).fetchone()["name"]
        tx.event("files.changed", project=name, study_id=study_id, file_ids=kept)
    return [file_id for file_id in found.values() if file_id not in kept]
