"""Files checked out to be edited by another program: a copy in a work folder, and a note about it.

Everything lies in ``checkouts/<key>/`` of the data folder as plain files, so that it survives a
restart: the copy, the image it is looked at with, and hidden beside them the version that was taken
(``.base``) and the note (``.checkout.json``).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from appliance.catalog import Catalog, FileRow, file_path, study_files
from appliance.core import (
    Conflict,
    DataFolder,
    Invalid,
    NotFound,
    atomic_write,
    link_or_copy,
    new_key,
    now_ms,
)
from appliance.formats import kind_of, suffix_of
from appliance.viewing.places import Place, check_replaceable, disk, free_name
from appliance.viewing.restoring import list_versions

__all__ = [
    "PROGRAMS",
    "Checkout",
    "Program",
    "base_path",
    "changed_file",
    "check_out",
    "checkout_command",
    "checkout_folder",
    "find_checkout",
    "find_underlay",
    "list_checkouts",
    "no_checkout",
    "one_checkout_at_a_time",
    "release_checkout",
    "stamps_of",
    "write_checkout",
]

Program = Literal["slicer", "itksnap", "fsleyes", "other"]
PROGRAMS: dict[Program, str] = {
    "slicer": "3D Slicer",
    "itksnap": "ITK-SNAP",
    "fsleyes": "FSLeyes",
    "other": "another program",
}
_LOG = logging.getLogger(__name__)
_NOTE = ".checkout.json"
_IMAGES = frozenset({"image", "mask", "labels"})


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A file that somebody edits elsewhere.

    Attributes
    ----------
    psid, path : str
        Study and path of the file, as they were last known.
    file_key : str
        Finds the file when it was moved.
    target : str
        Where it is checked in: `path`, or a new name where the file came from outside and stays.
    version, n : str and int
        What was taken, as `FileRow.version` and as number.
    name, reference : str
        The copy, and the image beside it (empty for none), in the work folder.
    seen : dict
        The files of the work folder as they were when nothing was changed.
    tried : str
        The file that could not be checked in, so that it is tried again only when it changes.
    problem, hint : str
        Why it could not.
    """

    key: str
    project: str
    psid: str
    file_id: int
    file_key: str
    path: str
    target: str
    program: Program
    actor: str
    since: int
    version: str
    n: int
    name: str
    reference: str = ""
    is_mask: bool = False
    seen: dict[str, str] = {}
    tried: str = ""
    state: Literal["open", "conflict", "refused"] = "open"
    problem: str = ""
    hint: str = ""
    suggested_path: str = ""
    n_saved: int = 0
    last_at: int = 0


def check_out(
    catalog: Catalog,
    folder: DataFolder,
    row: FileRow,
    program: Program,
    *,
    actor: str,
    reference: FileRow | None = None,
) -> Checkout:
    """Copy a file into a work folder; a second call by the same person gives the same folder.

    Parameters
    ----------
    reference : FileRow, optional
        Image that a mask is looked at with; a copy of it that cannot be written lies beside.

    Raises
    ------
    Invalid
        If it is no image.
    Conflict
        If the project is in the archive.
    """
    if row.kind not in _IMAGES:
        raise Invalid(f"{row.name} is no image or mask", hint="Download other files.")
    with one_checkout_at_a_time(folder):
        mine = [
            one for one in list_checkouts(folder) if (one.file_id, one.actor) == (row.id, actor)
        ]
        for one in mine:
            if one.version == row.version or changed_file(folder, one) is not None:
                return _again(folder, one, program)
            _remove(folder, one)
        return _taken(catalog, folder, row, program, actor=actor, reference=reference)


def list_checkouts(folder: DataFolder, project: str | None = None) -> list[Checkout]:
    """List what is checked out, the newest first."""
    found = []
    for note in (folder.root / "checkouts").glob(f"*/{_NOTE}"):
        try:
            one = msgspec.json.decode(note.read_bytes(), type=Checkout)
        except (OSError, msgspec.DecodeError):
            _LOG.warning("the note of a file that is edited elsewhere cannot be read")
            continue
        if project in (None, one.project):
            found.append(one)
    return sorted(found, key=lambda one: one.key, reverse=True)


def find_checkout(folder: DataFolder, key: str) -> Checkout:
    """Give one; NotFound if it was released."""
    for one in list_checkouts(folder):
        if one.key == key:
            return one
    raise no_checkout()


def no_checkout() -> NotFound:
    """Make the error for one that does not exist, or that the caller has nothing to do with."""
    return NotFound("this file is not checked out", hint="See 'nora checkout --list'.")


def find_underlay(catalog: Catalog, row: FileRow) -> FileRow | None:
    """Find an image of the study on the grid of a mask, the one of the nearest folder first."""

    def same(other: FileRow) -> bool:
        here, there = row.header or {}, other.header or {}
        shapes = [list(header.get("shape") or ())[:3] for header in (here, there)]
        return shapes[0] == shapes[1] and _near(here.get("affine"), there.get("affine"))

    with catalog.read() as con:
        files = study_files(con, row.study_id)
    found = [one for one in files if _is_image(one) and one.id != row.id and same(one)]
    return min(found, key=lambda one: (one.folder != row.folder, one.path), default=None)


def release_checkout(folder: DataFolder, key: str, *, discard: bool = False) -> None:
    """Remove the work folder of a file.

    Raises
    ------
    Conflict
        If the copy holds changes and these are not to be discarded.
    """
    with one_checkout_at_a_time(folder):
        one = find_checkout(folder, key)
        if changed_file(folder, one) is not None and not discard:
            raise Conflict(
                f"{one.name} holds changes that are not checked in",
                hint="Check it in first, or discard them.",
            )
        _remove(folder, one)


def checkout_command(folder: DataFolder, one: Checkout) -> str:
    """Give the line for a terminal that opens the copy, with the image beneath where there is one.

    It is empty for another program.
    """
    home = checkout_folder(folder, one.key)
    copy = str(home / one.name)
    below = str(home / one.reference) if one.reference else ""
    if one.program == "itksnap":
        words = ["itksnap", "-g", below or copy, *(["-s", copy] if below else [])]
    elif one.program == "fsleyes":
        words = ["fsleyes", *([below] if below else []), copy]
        words += ["-ot", "label"] if one.is_mask else []
    elif one.program == "slicer":
        words = ["Slicer", "--python-code", _slicer(copy, below, is_mask=one.is_mask)]
    else:
        return ""
    return shlex.join(words)


def checkout_folder(folder: DataFolder, key: str) -> Path:
    """Give the work folder of a file that is checked out."""
    return folder.root / "checkouts" / key


def base_path(folder: DataFolder, one: Checkout) -> Path:
    """Give the version that was taken, which no program sees."""
    return checkout_folder(folder, one.key) / f".base{suffix_of(one.name)}"


def changed_file(folder: DataFolder, one: Checkout) -> Path | None:
    """Find the image of the work folder that was written last, and after the copy was made."""
    home = checkout_folder(folder, one.key)
    now = stamps_of(folder, one)
    changed = [home / name for name, stamp in now.items() if one.seen.get(name) != stamp]
    return max(changed, key=lambda path: path.stat().st_mtime_ns) if changed else None


def stamps_of(folder: DataFolder, one: Checkout) -> dict[str, str]:
    """Tell size and time of the images in a work folder, but for the one that lies beneath."""
    found, home = {}, checkout_folder(folder, one.key)
    for path in sorted(home.iterdir()) if home.is_dir() else []:
        if (
            path.name.startswith(".")
            or path.name == one.reference
            or str(kind_of(path)) not in _IMAGES
        ):
            continue
        with contextlib.suppress(FileNotFoundError):
            facts = path.stat()
            found[path.name] = f"{facts.st_mtime_ns:x}-{facts.st_size:x}"
    return found


def write_checkout(folder: DataFolder, one: Checkout) -> Checkout:
    """Write the note down."""
    with atomic_write(checkout_folder(folder, one.key) / _NOTE) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(one)))
    return one


@contextmanager
def one_checkout_at_a_time(folder: DataFolder) -> Iterator[None]:
    """Let one change at a time happen to what is checked out."""
    home = folder.root / "checkouts"
    home.mkdir(exist_ok=True, mode=0o700)
    handle = os.open(home / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _mine(folder: DataFolder, row: FileRow, actor: str) -> list[Checkout]:
    return [one for one in list_checkouts(folder) if (one.file_id, one.actor) == (row.id, actor)]


def _taken(
    catalog: Catalog,
    folder: DataFolder,
    row: FileRow,
    program: Program,
    *,
    actor: str,
    reference: FileRow | None,
) -> Checkout:
    place = Place.find(catalog, folder, row.study_id, row.path)
    below = reference if reference is not None and reference.id != row.id else None
    one = Checkout(
        key=new_key(),
        project=row.project,
        psid=row.psid,
        file_id=row.id,
        file_key=row.key,
        path=row.path,
        target=_target(place),
        program=program,
        actor=actor,
        since=now_ms(),
        version=row.version,
        n=list_versions(folder, row)[0].n,
        name=row.name,
        reference=_beside(row.name, below) if below is not None else "",
        is_mask="mask" in row.tags or row.kind != "image",
    )
    home = checkout_folder(folder, one.key)
    home.mkdir(mode=0o700)
    with disk(row.name):
        link_or_copy(file_path(folder, row), base_path(folder, one))
        shutil.copyfile(base_path(folder, one), home / one.name)
        if below is not None:
            shutil.copyfile(file_path(folder, below), home / one.reference)
            (home / one.reference).chmod(0o444)
    return write_checkout(folder, msgspec.structs.replace(one, seen=stamps_of(folder, one)))


def _again(folder: DataFolder, one: Checkout, program: Program) -> Checkout:
    return write_checkout(folder, msgspec.structs.replace(one, program=program))


def _is_image(row: FileRow) -> bool:
    return row.kind == "image" and "mask" not in row.tags


def _near(a: object, b: object) -> bool:
    return a is not None and b is not None and bool(np.allclose(a, b, atol=1e-3))  # type: ignore[arg-type]


def _remove(folder: DataFolder, one: Checkout) -> None:
    shutil.rmtree(checkout_folder(folder, one.key))


def _target(place: Place) -> str:
    """Give the name to check in under: a new one where the file is never replaced."""
    try:
        check_replaceable(place)
    except Conflict:
        return free_name(place)
    return place.path


def _beside(name: str, reference: FileRow) -> str:
    return reference.name if reference.name != name else f"reference_{reference.name}"


def _slicer(copy: str, below: str, *, is_mask: bool) -> str:
    """Write Python for Slicer, with the kind of quotes that a shell leaves alone."""
    lines = [f"slicer.util.loadVolume({json.dumps(below)})"] if below else []
    how = "loadSegmentation" if is_mask else "loadVolume"
    return "; ".join([*lines, f"slicer.util.{how}({json.dumps(copy)})"])
