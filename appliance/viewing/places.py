"""Where a file of a study is saved: found, checked and locked before anything is written."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from appliance.catalog import (
    Catalog,
    FileRow,
    Project,
    check_quota,
    get_project,
    require_open,
    study_dir,
    study_files,
)
from appliance.core import (
    Conflict,
    DataFolder,
    DiskFull,
    Invalid,
    NotFound,
    StorageError,
    safe_join,
)
from appliance.formats import suffix_of
from appliance.viewing.versions import FOLDER

__all__ = ["Place", "check_replaceable", "disk", "free_name", "one_at_a_time"]

_MAX_PATH = 400
_MOST_NAMES = 10_000
_DOUBLE = (".ano.json", ".mrk.json")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a file of a study lies, and what the catalog says of it."""

    project: Project
    study: Path
    psid: str
    study_id: int
    path: str
    row: FileRow | None
    in_trash: bool = False

    @property
    def target(self) -> Path:
        """The file itself."""
        return self.study / self.path

    @property
    def origin(self) -> str:
        """Where what lies there comes from, as the catalog says."""
        return (self.row.origin if self.row is not None else None) or ""

    @property
    def version(self) -> str | None:
        """Version of what lies there now, whoever put it there; None for nothing, or trash."""
        if self.in_trash:
            return None
        try:
            facts = self.target.lstat()
        except FileNotFoundError:
            return None
        return f"{facts.st_mtime_ns:x}-{facts.st_size:x}"

    @classmethod
    def find(cls, catalog: Catalog, folder: DataFolder, study_id: int, path: str) -> Place:
        """Find a place in a study that may be written to.

        Raises
        ------
        NotFound
            If there is no such study.
        Invalid
            If the path leads elsewhere or is hidden.
        Conflict
            If the project is in the archive or the trash.
        """
        with catalog.read() as con:
            named = con.execute(
                "SELECT j.name, u.pid, s.sid FROM studies s JOIN subjects u ON u.id = s.subject_id"
                " JOIN projects j ON j.id = s.project_id"
                " WHERE s.id = ? AND s.trashed_at IS NULL",
                (study_id,),
            ).fetchone()
            if named is None:
                raise NotFound(f"no study with id {study_id}")
            project = get_project(con, named["name"])
            require_open(con, project.id)
            check_quota(con, project)
            rows = {row.path: row for row in study_files(con, study_id)}
            trashed = {row.path for row in study_files(con, study_id, in_trash=True)}
        folder.check_marker(folder.projects)
        study = study_dir(folder, project.name, named["pid"], named["sid"])
        _check_path(study, path)
        psid = f"{named['pid']}#{named['sid']}"
        return cls(
            project=project,
            study=study,
            psid=psid,
            study_id=study_id,
            path=path,
            row=rows.get(path),
            in_trash=path in trashed,
        )


def free_name(place: Place) -> str:
    """Find the next name of which there is neither a file nor an earlier version."""
    double = [ending for ending in _DOUBLE if place.path.endswith(ending)]
    suffix = double[0] if double else suffix_of(place.path)
    stem = place.path[: len(place.path) - len(suffix)]
    for n in range(1, _MOST_NAMES):
        path = f"{stem}_{n}{suffix}"
        taken = (place.study / path).exists() or (place.study / path).is_symlink()
        if not taken and not (place.study / FOLDER / path).exists():
            return path
    raise Conflict(f"there are too many files like {place.path!r}")


def check_replaceable(place: Place) -> None:
    """Refuse to replace what lies elsewhere, was found there, or was converted from DICOM."""
    origin = place.origin
    given = origin.startswith("source:") or (
        origin.startswith("receipt:") and place.row is not None and place.row.series is not None
    )
    if given or place.target.is_symlink():
        raise Conflict(
            f"{place.path!r} came from outside and is never replaced",
            hint="Save under another name.",
            suggested_path=free_name(place),
        )
    if place.target.is_dir():
        raise Conflict(f"{place.path!r} is a folder", hint="Save under another name.")


def _check_path(study: Path, path: str) -> None:
    parts = PurePosixPath(path).parts
    if path.endswith("/") or len(path) > _MAX_PATH or any(p.startswith(".") for p in parts):
        raise Invalid(f"a file cannot be called {path!r}", hint="Use no hidden name.")
    if any(len(part.encode()) > 255 for part in parts) or any(ord(c) < 32 for c in path):
        raise Invalid("a name of a file is too long, or has characters that cannot be seen")
    if (study / path).is_symlink():  # refused later, with a word of why
        parts = parts[:-1]
    safe_join(study, *parts) if parts else None


@contextmanager
def one_at_a_time(folder: DataFolder, study_id: int) -> Iterator[None]:
    """Let one save at a time into a study, so that versions are compared and replaced as one."""
    folder.cache.mkdir(exist_ok=True)
    lock = folder.cache / f"saving-{study_id % 64}.lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def disk(path: str) -> Iterator[None]:
    """Turn what the disk refuses in this block into an error that a person understands."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"the disk is full: {path!r}", hint="Free some space.") from error
        raise StorageError(f"{path!r}: {error.strerror or type(error).__name__}") from error
