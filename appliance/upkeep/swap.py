"""Swapping a data folder's databases for others so that a crash at any moment can be undone.

The journal file names the restore point and the stage. While *leaving*, old files move from the
root to the restore point: undoing moves back what arrived there. Once *arriving*, every file in
the root is a new one: undoing removes them, falls back to *leaving*, and moves the old ones back.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from appliance.core import (
    DataFolder,
    atomic_write,
    fsync_dir,
    fsync_file,
    iso,
    new_key,
    now_ms,
    safe_join,
)

__all__ = ["TOOLS", "Swap", "small_files"]

TOOLS = "tools"
"""Folder of the descriptors that people brought."""
_JOURNAL = "restore-in-progress.json"


def small_files(folder: DataFolder, *, with_tools: bool = True) -> list[Path]:
    """List the plain files of a data folder that go with its databases."""
    tools = folder.root / TOOLS
    brought = [*tools.glob("*.json"), *tools.glob("*/*.json")] if with_tools else []
    return sorted([*folder.conf_path.parent.glob("*.toml"), *brought])


class _Journal(msgspec.Struct, frozen=True):
    point: str
    stage: Literal["leaving", "arriving"]
    tools: bool = False


class Swap:
    """One exchange of the replaceable files of a data folder. The caller holds its lock.

    Attributes
    ----------
    point : Path
        The restore point: a folder in ``backups`` that takes the old files.
    """

    def __init__(self, folder: DataFolder, point: Path, *, tools: bool = False) -> None:
        self.point = point
        self._tools = tools
        self._folder = folder
        self._journal = folder.root / _JOURNAL

    @classmethod
    def begin(cls, folder: DataFolder, *, tools: bool = False) -> Swap:
        """Write the journal and move the old files out of the way; those of tools when asked."""
        stamp = iso(now_ms())[:19].replace(":", "")
        point = folder.backups / f"restore-point-{stamp}Z-{new_key()[-4:]}"
        swap = cls(folder, point, tools=tools)
        swap.point.mkdir(mode=0o700)
        fsync_dir(folder.backups)
        swap._write("leaving")
        try:
            _move(swap.present(), folder.root, swap.point)
            swap._write("arriving")
        except BaseException:
            swap.undo()
            raise
        return swap

    @classmethod
    def interrupted(cls, folder: DataFolder) -> Swap | None:
        """Give the swap that was cut off by a crash, if there is one."""
        try:
            journal = msgspec.json.decode((folder.root / _JOURNAL).read_bytes(), type=_Journal)
        except FileNotFoundError:
            return None
        return cls(folder, safe_join(folder.backups, journal.point), tools=journal.tools)

    def bring(self, source: Path, names: Iterable[str]) -> None:
        """Copy new files into the data folder, durably."""
        for name in names:
            place = safe_join(self._folder.root, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f".{place.name}.part")
            shutil.copyfile(safe_join(source, name), part)
            part.chmod(0o600 if name.endswith(".sqlite") else 0o644)
            fsync_file(part)
            part.replace(place)
            fsync_dir(place.parent)

    def finish(self) -> Path | None:
        """Accept the new files; give the restore point, or None if there was nothing to keep."""
        self._close()
        if any(path.is_file() for path in self.point.rglob("*")):
            return self.point
        shutil.rmtree(self.point)
        return None

    def undo(self) -> None:
        """Put the old files back."""
        if self._stage() == "arriving":
            for path in self.present():
                path.unlink()
            self._write("leaving")
        old = [path for path in self.point.rglob("*") if path.is_file()]
        _move(sorted(old), self.point, self._folder.root)
        self._close()
        shutil.rmtree(self.point, ignore_errors=True)

    def present(self) -> list[Path]:
        """List the replaceable files that lie in the data folder, with SQLite's companions."""
        folder = self._folder
        databases = (folder.catalog_path, folder.identity_path, folder.queue_path)
        beside = [Path(f"{path}{end}") for path in databases for end in ("", "-wal", "-shm")]
        found = [*beside, *small_files(folder, with_tools=self._tools)]
        return [path for path in found if path.is_file()]

    def _stage(self) -> str:
        return msgspec.json.decode(self._journal.read_bytes(), type=_Journal).stage

    def _write(self, stage: Literal["leaving", "arriving"]) -> None:
        with atomic_write(self._journal) as stream:
            stream.write(msgspec.json.encode(_Journal(self.point.name, stage, self._tools)))

    def _close(self) -> None:
        self._journal.unlink(missing_ok=True)
        fsync_dir(self._folder.root)


def _move(paths: Iterable[Path], root: Path, target: Path) -> None:
    for path in paths:
        place = target / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
        fsync_dir(place.parent)
        fsync_dir(path.parent)
