"""Earlier versions of a file, kept in ``.versions/<path>/`` of its study's folder.

Each is a plain file with a small note beside it, so that versions survive a catalog that is built
anew and move along with their study. The note ``head.json`` tells about the file as it is now.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from pathlib import Path

import msgspec

from appliance.core import NotFound, atomic_write, fsync_dir, link_or_copy, now_ms, safe_join
from appliance.formats import suffix_of

__all__ = [
    "FOLDER",
    "Head",
    "Kept",
    "keep",
    "kept_path",
    "list_kept",
    "move_versions",
    "next_number",
    "prune",
    "read_head",
    "versions_of",
    "write_head",
]

FOLDER = ".versions"
_LOG = logging.getLogger(__name__)
_HEAD = "head.json"
_DAY_MS = 86_400_000


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file as it was saved; `size_bytes` and `mtime_ns` tell if it still is."""

    n: int
    saved_at: int
    saved_by: str
    origin: str
    note: str = ""
    sha256: str = ""
    size_bytes: int
    mtime_ns: int


class Kept(Head, frozen=True, kw_only=True):
    """An earlier version, and when another took its place."""

    replaced_at: int = 0


def list_kept(study: Path, path: str) -> list[Kept]:
    """List the earlier versions of a file, newest first."""
    found = []
    for note in versions_of(study, path).glob("[0-9]*.json"):
        try:
            one = msgspec.json.decode(note.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError):
            _LOG.warning("the note of an earlier version cannot be read")
            continue
        if _file(study, path, one.n).is_file():
            found.append(one)
    return sorted(found, key=lambda one: one.n, reverse=True)


def kept_path(study: Path, path: str, n: int) -> Path:
    """Give the place of an earlier version.

    Raises
    ------
    NotFound
        If it is not kept.
    """
    found = _file(study, path, n)
    if n < 1 or not found.is_file():
        raise NotFound(
            f"version {n} of {path!r} is not kept",
            hint="How many are kept is a setting: viewing.versions_keep.",
        )
    return found


def keep(study: Path, path: str, about: Head) -> Kept:
    """Keep a file as it is now, just before another takes its name; durable when this returns.

    It gets a second name, so that nothing is copied; a file that is kept already is not kept twice.
    """
    home = versions_of(study, path)
    home.mkdir(parents=True, exist_ok=True)
    live, kept = study / path, Kept(**msgspec.structs.asdict(about), replaced_at=now_ms())
    target = _file(study, path, about.n)
    if not (target.exists() and target.samefile(live)):
        link_or_copy(live, target)
    with atomic_write(home / f"{about.n:04d}.json") as stream:
        stream.write(msgspec.json.encode(kept))
    fsync_dir(home)
    return kept


def read_head(study: Path, path: str) -> Head | None:
    """Give what is known of a file as it is now; None when it was changed by other means."""
    try:
        head = msgspec.json.decode((versions_of(study, path) / _HEAD).read_bytes(), type=Head)
        facts = (study / path).stat()
    except (OSError, msgspec.DecodeError):
        return None
    same = (head.size_bytes, head.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    return head if same else None


def write_head(study: Path, path: str, head: Head) -> None:
    """Write down what is known of a file as it is now."""
    home = versions_of(study, path)
    home.mkdir(parents=True, exist_ok=True)
    with atomic_write(home / _HEAD) as stream:
        stream.write(msgspec.json.encode(head))


def next_number(study: Path, path: str) -> int:
    """Give the number that follows all that were given, also to versions that are gone."""
    home = versions_of(study, path)
    numbers = [int(note.stem) for note in home.glob("[0-9]*.json") if note.stem.isdecimal()]
    with contextlib.suppress(OSError, msgspec.DecodeError):
        numbers.append(msgspec.json.decode((home / _HEAD).read_bytes(), type=Head).n)
    return max(numbers, default=0) + 1


def prune(study: Path, path: str, *, keep_n: int, keep_days: int) -> int:
    """Remove the oldest versions beyond a number, and those older than some days; count them.

    The newest earlier version always stays. 0 means without limit.
    """
    older = list_kept(study, path)[1:]
    too_many = older[keep_n - 1 :] if keep_n > 0 else []
    before = now_ms() - keep_days * _DAY_MS if keep_days > 0 else 0
    gone = {one.n for one in too_many} | {one.n for one in older if one.replaced_at < before}
    for n in gone:
        _file(study, path, n).unlink(missing_ok=True)
        (versions_of(study, path) / f"{n:04d}.json").unlink(missing_ok=True)
    return len(gone)


def move_versions(study: Path, old: str, new: str) -> None:
    """Let the versions of a file follow it to another path of its study."""
    source, target = versions_of(study, old), versions_of(study, new)
    if source.is_dir() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    elif source.is_dir():  # another file of that name had versions: its numbers go first
        for one in source.iterdir():
            if not (target / one.name).exists():
                shutil.move(one, target / one.name)


def versions_of(study: Path, path: str) -> Path:
    """Give the folder of the earlier versions of a file, which may not exist."""
    return safe_join(study, FOLDER, path)


def _file(study: Path, path: str, n: int) -> Path:
    return versions_of(study, path) / f"v{n:04d}{suffix_of(path)}"
