"""What was edited elsewhere becomes a new version of its file, on exactly the grid that was taken.

Nothing is lost: when somebody changed the file meanwhile, or the copy lies on another grid or
cannot be read, the copy stays where it is and says why.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.catalog import Catalog, file_path, get_file, study_files
from appliance.core import (
    ApplianceError,
    Conflict,
    DataFolder,
    FormatError,
    NotFound,
    link_or_copy,
    now_ms,
)
from appliance.formats import (
    Label,
    RoiReference,
    read_labels,
    read_reference,
    read_volume,
    suffix_of,
    write_roi,
)
from appliance.geometry import Grid, Volume
from appliance.viewing.checkout import (
    PROGRAMS,
    Checkout,
    base_path,
    changed_file,
    find_checkout,
    one_checkout_at_a_time,
    stamps_of,
    write_checkout,
)
from appliance.viewing.saving import Changed, IfChanged, Limits, Saved, Wanted, save
from appliance.viewing.seating import seated
from appliance.viewing.segments import COLORS

__all__ = ["CheckedIn", "OtherGrid", "check_in", "located"]

_NIFTI = (".nii", ".nii.gz")
_MAX_LABEL = 65535


class OtherGrid(Conflict):
    """The edited copy does not lie on the grid that was taken."""

    key = "other_grid"


@dataclass(frozen=True)
class CheckedIn:
    """What is checked out still, and what was saved; None when nothing had changed."""

    checkout: Checkout
    saved: Saved | None


@dataclass(frozen=True)
class _Content:
    """What is to be written, and under which name."""

    path: str
    write: Callable[[BinaryIO], object]
    is_new: bool = False


def check_in(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    key: str,
    *,
    actor: str,
    if_changed: IfChanged = "refuse",
    other_grid: Literal["refuse", "new_file"] = "refuse",
    note: str = "",
) -> CheckedIn:
    """Save the copy of a file as its new version; it stays checked out.

    Parameters
    ----------
    if_changed : {"refuse", "replace", "new_name"}
        When somebody changed the file meanwhile. What is replaced stays as an earlier version.
    other_grid : {"refuse", "new_file"}
        When the copy has another grid: save it as it is, as another file.

    Raises
    ------
    NotFound
        If it was released.
    Changed
        If somebody changed the file.
    OtherGrid
        If the copy lies elsewhere.
    FormatError
        If the copy cannot be read, or a mask holds no labels.
    """
    with one_checkout_at_a_time(folder):
        one = find_checkout(folder, key)
        changed = changed_file(folder, one)
        if changed is None:
            return CheckedIn(one, None)
        stamps = stamps_of(folder, one)
        try:
            one, study_id = located(catalog, one)
            content = _content(folder, one, changed, other_grid)
            wanted = _wanted(one, study_id, content, actor, if_changed=if_changed, note=note)
            saved = save(catalog, folder, limits, wanted, content.write)
        except ApplianceError as error:
            _tell(folder, one, error, f"{changed.name} {stamps.get(changed.name)}")
            raise
        return CheckedIn(_renewed(folder, one, saved, stamps, follow=not content.is_new), saved)


def located(catalog: Catalog, one: Checkout) -> tuple[Checkout, int]:
    """Find the study of a file, also when it was moved or the catalog was built anew.

    Returns
    -------
    tuple
        With the place where the file is now, and the id of its study.

    Raises
    ------
    NotFound
        If there is no such study any more.
    """
    with catalog.read() as con:
        found = con.execute(
            "SELECT id FROM files WHERE key = ? AND trashed_at IS NULL", (one.file_key,)
        ).fetchone()
        row = None if found is None else get_file(con, int(found["id"]))
        if row is None or row.project != one.project:
            study_id = _study_id(con, one)
            row = next((f for f in study_files(con, study_id) if f.path == one.path), None)
            if row is None:
                return one, study_id
    target = row.path if one.target == one.path else one.target
    place = {"path": row.path, "target": target, "psid": row.psid}
    return msgspec.structs.replace(one, file_id=row.id, file_key=row.key, **place), row.study_id


def _study_id(con: sqlite3.Connection, one: Checkout) -> int:
    pid, _, sid = one.psid.partition("#")
    found = con.execute(
        "SELECT s.id FROM studies s JOIN subjects u ON u.id = s.subject_id"
        " JOIN projects j ON j.id = s.project_id"
        " WHERE j.name = ? AND u.pid = ? AND s.sid = ? AND s.trashed_at IS NULL",
        (one.project, pid, sid),
    ).fetchone()
    if found is None:
        raise NotFound(
            f"the study {one.psid} of {one.path!r} is gone", hint="The edited copy stays."
        )
    return int(found["id"])


def _wanted(
    one: Checkout,
    study_id: int,
    content: _Content,
    actor: str,
    *,
    if_changed: IfChanged,
    note: str,
) -> Wanted:
    told = f"{PROGRAMS[one.program]}, from version {one.n}"
    if content.path != one.path:
        told += f" of {one.path}"
    known = content.path == one.path and not content.is_new
    return Wanted(
        study_id=study_id,
        path=content.path,
        actor=actor,
        origin=f"edited:{one.program}:{actor}",
        version=one.version if known else None,
        if_changed=if_changed if known else "new_name",
        tags=["mask"] if one.is_mask else [],
        note=f"{told}: {note}" if note else told,
    )


def _tell(folder: DataFolder, one: Checkout, error: ApplianceError, tried: str) -> None:
    """Write down why a copy could not be checked in."""
    write_checkout(
        folder,
        msgspec.structs.replace(
            one,
            state="conflict" if isinstance(error, Changed) else "refused",
            problem=error.message,
            hint=error.hint,
            suggested_path=str(error.facts.get("suggested_path", "")),
            tried=tried,
        ),
    )


def _renewed(
    folder: DataFolder, one: Checkout, saved: Saved, stamps: dict[str, str], *, follow: bool
) -> Checkout:
    """Go on from the version that was just saved; what was written meanwhile is still a change."""
    row = saved.file
    now = {
        "seen": stamps,
        "state": "open",
        "problem": "",
        "hint": "",
        "suggested_path": "",
        "tried": "",
        "n_saved": one.n_saved + 1,
        "last_at": now_ms(),
    }
    if follow:
        now |= {"file_id": row.id, "path": row.path, "target": row.path, "n": saved.n}
        now |= {"version": row.version, "file_key": row.key, "psid": row.psid}
    changed = msgspec.structs.replace(one, **now)
    if follow and suffix_of(row.path) == suffix_of(one.name):
        base = base_path(folder, one)
        fresh = base.with_name(f".new{base.name}")
        fresh.unlink(missing_ok=True)
        link_or_copy(file_path(folder, row), fresh)
        fresh.replace(base)
    return write_checkout(folder, changed)


def _content(
    folder: DataFolder, one: Checkout, changed: Path, other_grid: Literal["refuse", "new_file"]
) -> _Content:
    volume = read_volume(changed)
    reference = read_reference(base_path(folder, one))
    placed = _seated(volume, reference)
    fits = placed is not None and placed.n_volumes == reference.n_frames
    if not fits or placed is None:
        if other_grid == "refuse":
            raise _elsewhere(one, changed, volume, placed)
        return _as_it_is(one, changed)
    if one.is_mask:
        return _mask(folder, one, changed, placed)
    same = suffix_of(changed.name) == suffix_of(one.target)
    if same and volume.grid.shape == reference.grid.shape:
        return _Content(one.target, _copier(changed))
    return _as_it_is(one, changed)


def _seated(volume: Volume, reference: RoiReference) -> Volume | None:
    """Put voxels into the grid that was taken; programs may have gone by its other NIfTI form."""
    placed = seated(volume, reference.grid)
    header = reference.header
    if placed is not None or header is None or not header["qform_code"]:
        return placed
    other = seated(volume, Grid(reference.grid.shape, header.get_qform()))
    return None if other is None else Volume(other.data, reference.grid.affine)


def _mask(folder: DataFolder, one: Checkout, changed: Path, placed: Volume) -> _Content:
    """Put the voxels of a mask into the header that was taken, bit by bit the same place."""
    data = _whole(changed, placed.data)
    base = base_path(folder, one)
    reference = read_reference(base)
    labels = _labels(data, [*read_labels(base), *read_labels(changed)])
    stem = one.target[: len(one.target) - len(suffix_of(one.target))]
    is_nifti = one.target.endswith(_NIFTI)
    path = one.target if is_nifti else f"{stem}.nii.gz"

    def write(stream: BinaryIO) -> None:
        write_roi(stream, path, data, reference, labels)

    return _Content(path, write, is_new=not is_nifti)


def _whole(changed: Path, data: NDArray[Any]) -> NDArray[Any]:
    top = float(np.max(data, initial=0))
    whole = bool(np.isfinite(data).all()) and bool((data == np.round(data)).all())
    if not whole or float(np.min(data, initial=0)) < 0 or top > _MAX_LABEL:
        raise FormatError(
            f"{changed.name} holds no mask and no labels",
            hint="Save the segmentation itself, with whole numbers from 0 on.",
        )
    return data.astype(np.uint8 if top < 256 else np.uint16)


def _labels(data: NDArray[Any], known: Sequence[Label]) -> list[Label]:
    """Keep names and colours, and give those to new labels that have none; a mask needs none."""
    table = {label.value: label for label in reversed(known) if label.value > 0}
    values = np.flatnonzero(np.bincount(data.ravel())[1:]) + 1
    if not table and len(values) < 2:
        return []
    for at, value in enumerate(values.tolist()):
        table.setdefault(value, Label(value, f"label {value}", COLORS[at % len(COLORS)]))
    return [table[value] for value in sorted(table)]


def _as_it_is(one: Checkout, changed: Path) -> _Content:
    home = one.path.rpartition("/")[0]
    stem = one.name[: len(one.name) - len(suffix_of(one.name))]
    name = f"{stem}_edited{suffix_of(changed.name)}"
    return _Content(f"{home}/{name}" if home else name, _copier(changed), is_new=True)


def _copier(changed: Path) -> Callable[[BinaryIO], object]:
    def write(stream: BinaryIO) -> None:
        with changed.open("rb") as source:
            shutil.copyfileobj(source, stream, 1 << 20)

    return write


def _elsewhere(one: Checkout, changed: Path, volume: Volume, placed: Volume | None) -> OtherGrid:
    shape = " x ".join(map(str, volume.data.shape))
    what = "has other time points than" if placed is not None else "lies on another grid than"
    return OtherGrid(
        f"{changed.name} ({shape} voxels) {what} {one.path!r}",
        hint="Save it there on the grid of the image, or check it in as a new file.",
    )
