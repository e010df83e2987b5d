"""Saving what a person drew or edited as a file of a study: nothing of anybody's is ever lost.

Who saves says which version was loaded. When somebody changed the file meanwhile the save is
refused with who and when, and can be sent again to replace (the other stays as an earlier version)
or under a new name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from appliance.catalog import Catalog, FileRow, Tx, add_file, get_file, tag
from appliance.core import Conflict, DataFolder, DiskFull, atomic_write, iso, sha256_file
from appliance.formats import file_facts
from appliance.viewing.places import Place, check_replaceable, disk, free_name, one_at_a_time
from appliance.viewing.versions import Head, keep, next_number, prune, read_head, write_head

__all__ = ["Changed", "IfChanged", "Limits", "Saved", "Wanted", "author_of", "save"]

IfChanged = Literal["refuse", "replace", "new_name"]


class Changed(Conflict):
    """Somebody else changed the file meanwhile, or made one of that name."""

    key = "changed"


@dataclass(frozen=True)
class Limits:
    """How much is kept, and how much has to stay free."""

    keep_n: int = 50
    keep_days: int = 0
    min_free_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be saved, where, and over what.

    Attributes
    ----------
    path : str
        In the study's folder.
    version : str or None
        `FileRow.version` that was loaded; None: there must be no such file.
    origin : str
        Where the content comes from, such as ``"drawn:anna"``.
    verb : str
        Word of the history.
    """

    study_id: int
    path: str
    actor: str
    origin: str
    version: str | None = None
    if_changed: IfChanged = "refuse"
    tags: Sequence[str] = ()
    note: str = ""
    verb: str = "save"


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What was saved, as which version of its file."""

    file: FileRow
    n: int
    operation_id: int
    created: bool


def save(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    wanted: Wanted,
    write: Callable[[BinaryIO], object],
) -> Saved:
    """Save a file of a study, keeping what it replaces.

    Parameters
    ----------
    write : callable
        Writes the content into an open file.

    Raises
    ------
    Changed
        If `wanted` is not what lies there now, and is to be refused then.
    Conflict
        If the file came from outside and stays as it is, or the project is in the archive.
    Invalid
        If the path is none.
    DiskFull
        If there is no space, or the project is full.
    """
    _check_space(folder, limits)
    with one_at_a_time(folder, wanted.study_id):
        place = Place.find(catalog, folder, wanted.study_id, wanted.path)
        place = _resolved(catalog, folder, place, wanted)
        check_replaceable(place)
        return _put(catalog, limits, place, wanted, write)


def author_of(row: FileRow | None, head: Head | None) -> str:
    """Tell in words who made a file what it is now."""
    if head is not None and head.saved_by:
        return head.saved_by
    kind, _, rest = ((row.origin if row else None) or "").partition(":")
    known = {"attempt": f"job {rest.partition('/')[0]}", "receipt": "import", "source": "import"}
    return known.get(kind) or ("outside of the appliance" if row is None else "a program")


def _put(
    catalog: Catalog,
    limits: Limits,
    place: Place,
    wanted: Wanted,
    write: Callable[[BinaryIO], object],
) -> Saved:
    replaced: int | None = None
    with disk(place.path):
        place.target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(place.target) as stream:
            write(stream)
            if place.target.exists():  # kept before its name is taken
                replaced = keep(place.study, place.path, _present(place)).n
        head = _head(place, wanted)
        write_head(place.study, place.path, head)
    file_id, operation_id = catalog.write(lambda tx: _enter(tx, place, wanted, head, replaced))
    prune(place.study, place.path, keep_n=limits.keep_n, keep_days=limits.keep_days)
    with catalog.read() as con:
        row = get_file(con, file_id)
    return Saved(file=row, n=head.n, operation_id=operation_id, created=replaced is None)


def _enter(
    tx: Tx, place: Place, wanted: Wanted, head: Head, replaced: int | None
) -> tuple[int, int]:
    file_id = add_file(
        tx,
        place.study_id,
        place.path,
        origin=wanted.origin,
        sha256=head.sha256,
        **file_facts(place.target),
    )
    if wanted.tags:
        tag(tx, "file", [file_id], add=wanted.tags)
    target = {
        "project_id": place.project.id,
        "study": place.psid,
        "study_id": place.study_id,
        "file_id": file_id,
        "path": place.path,
        "version": head.n,
        "replaced": replaced,
    }
    before = {"sha256": head.sha256, "origin": place.origin}
    return file_id, tx.operation(wanted.verb, actor=wanted.actor, target=target, before=before)


def _present(place: Place) -> Head:
    """Tell what is known of the file that is about to be replaced."""
    head = read_head(place.study, place.path)
    if head is not None:
        return head
    facts = place.target.stat()
    return Head(
        n=next_number(place.study, place.path),
        saved_at=facts.st_mtime_ns // 1_000_000,
        saved_by=author_of(place.row, None),
        origin=place.origin,
        sha256=(place.row.sha256 if place.row and place.version == place.row.version else "") or "",
        size_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
    )


def _head(place: Place, wanted: Wanted) -> Head:
    facts = place.target.stat()
    return Head(
        n=next_number(place.study, place.path),
        saved_at=facts.st_mtime_ns // 1_000_000,
        saved_by=wanted.actor,
        origin=wanted.origin,
        note=wanted.note,
        sha256=sha256_file(place.target),
        size_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
    )


def _resolved(catalog: Catalog, folder: DataFolder, place: Place, wanted: Wanted) -> Place:
    """Give the place to write to, when what lies there is not what was loaded."""
    if place.version == wanted.version:
        return place
    if wanted.if_changed == "replace":
        return place
    free = free_name(place)
    if wanted.if_changed == "new_name":
        return Place.find(catalog, folder, wanted.study_id, free)
    raise _changed(place, wanted, free)


def _changed(place: Place, wanted: Wanted, free: str) -> Changed:
    head, at = read_head(place.study, place.path), ""
    who = author_of(place.row, head)
    if place.version is None:
        text, hint = f"{place.path!r} is gone", "Save it anew, or under another name."
        who = ""
    else:
        at = iso(place.target.lstat().st_mtime_ns // 1_000_000)
        what = "was changed" if wanted.version else "exists already, made"
        text = f"{place.path!r} {what} by {who} at {at}"
        hint = "Replace it, which keeps theirs as an earlier version, or save under a new name."
    return Changed(
        text,
        hint=hint,
        file_id=place.row.id if place.row else None,
        version=place.version,
        changed_at=at,
        changed_by=who,
        is_mine=who == wanted.actor,
        suggested_path=free,
    )


def _check_space(folder: DataFolder, limits: Limits) -> None:
    free = folder.free_bytes()
    if free < limits.min_free_bytes:
        raise DiskFull(
            f"{free / 1e9:.2f} GB are free; {limits.min_free_bytes / 1e9:.2f} GB are to stay free",
            hint="Free some space, then save again; nothing was changed.",
        )
