"""One watched folder: where it is, what becomes of its files, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from appliance.core import (
    DataFolder,
    Invalid,
    WatchedFolder,
    WatchSettings,
    network_kind,
    safe_name,
)
from appliance.exchange.drop_places import compile_place, place_groups
from appliance.exchange.folder_scan import Found
from appliance.exchange.rows import Options

__all__ = ["Afterwards", "WatchedRoot", "watched_roots"]


class Afterwards(StrEnum):
    """What becomes of files that were taken."""

    KEEP = "keep"  # they stay as they are
    MOVE = "move"  # they become ours at once
    DELETE = "delete"  # they go when they are imported and our copy was compared


class WatchedRoot(msgspec.Struct, frozen=True, kw_only=True):
    """One folder that is watched.

    Attributes
    ----------
    path : Path
        The folder.
    project : str
        Project that receives what is found.
    then : Afterwards
        What becomes of the files.
    network : str
        Kind of network file system, on which no events come from other machines; '' for a disk.
    place : str or None
        Compiled pattern of its sub-folders.
    extra : list of str or None
        Extensions of files other than DICOM that are taken in; None: all that can be placed.
    live_s : float
        Seconds of quiet after which a tilt series that is recorded here is over; 0: not followed.
    wrong : str
        Why nothing can be taken from here, whatever lies there.
    """

    path: Path
    project: str
    then: Afterwards = Afterwards.KEEP
    network: str = ""
    place: str | None = None
    extra: list[str] | None = None
    live_s: float = 0.0
    wrong: str = ""

    @property
    def move(self) -> bool:
        """Whether the files become ours at once."""
        return self.then is Afterwards.MOVE

    def options(self) -> Options:
        """Give what an arrival from here is told."""
        return Options(move=self.move, layout=True, place=self.place, extra=self.extra)

    def study_of(self, path: Path) -> tuple[str, str, str] | None:
        """Give project, subject and study of a file; None unless the pattern names the last two."""
        if self.place is None:
            return None
        found = place_groups(self.place, str(path.relative_to(self.path)))
        pid, sid = found.get("patients_id"), found.get("studies_id")
        if not (pid and sid):
            return None
        return found.get("project") or self.project, safe_name(pid), safe_name(sid)

    def by_project(self, files: Iterable[Found]) -> dict[str, list[Found]]:
        """Group files by the project that their sub-folder names; the folder's own without one."""
        groups: dict[str, list[Found]] = {}
        for file in files:
            named = ""
            if self.place is not None:
                below = file.text[len(str(self.path)) + 1 :]
                named = place_groups(self.place, below).get("project", "")
            groups.setdefault(named or self.project, []).append(file)
        return groups


def watched_roots(folder: DataFolder, settings: WatchSettings) -> list[WatchedRoot]:
    """Give our own drop folder and those of the settings."""
    own = WatchedRoot(path=folder.drop, project="default", then=Afterwards.MOVE)
    return [own, *(_root(extra) for extra in settings.folders)]


def _root(extra: WatchedFolder) -> WatchedRoot:
    path, place, wrong = Path(extra.path).expanduser(), None, ""
    try:
        place = compile_place(extra.pattern) if extra.pattern else None
    except Invalid as error:
        wrong = error.message
    return WatchedRoot(
        path=path,
        project=extra.project,
        then=Afterwards.KEEP if extra.mode == "copy" else Afterwards(extra.mode),
        network=network_kind(path),
        place=place,
        extra=[one.lower().lstrip(".") for one in extra.extra] or None,
        live_s=extra.live_s,
        wrong=wrong,
    )
