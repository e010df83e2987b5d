"""Keeps jobs from filling the disk: they stop when it is almost full, and go on by themselves."""

from __future__ import annotations

import shutil

from appliance.catalog import Catalog
from appliance.core import Conflict, DataFolder, NotFound
from appliance.jobs.control import Controls

__all__ = ["DiskGuard"]


class DiskGuard:
    """Looks at what is free where jobs write.

    Below `min_free_bytes` nothing is started. Below half of that, running jobs of this machine are
    suspended, so that no one of them ends for want of a few bytes; they go on when there is space.

    Parameters
    ----------
    catalog, folder, controls
        Where jobs are, where they write, and what suspends them.
    min_free_bytes : int
        The setting ``data.min_free_bytes``.
    """

    def __init__(
        self, catalog: Catalog, folder: DataFolder, controls: Controls, min_free_bytes: int
    ) -> None:
        self._catalog = catalog
        self._controls = controls
        self._places = [folder.root, folder.projects, folder.jobs]
        self._min = min_free_bytes
        self._suspended = True  # perhaps, by an earlier life

    def free_bytes(self) -> int:
        """Tell how much is free on the fullest of the disks that jobs write to."""
        return min(shutil.disk_usage(place).free for place in self._places)

    def free_mb(self) -> int:
        """Tell how many MiB jobs may fill before nothing more is started."""
        return max(0, self.free_bytes() - self._min) >> 20

    def look(self) -> str:
        """Suspend or resume what has to be; say why nothing can be started, if so."""
        free = self.free_bytes()
        if free < self._min // 2:
            self._suspend()
        elif free >= self._min and self._suspended:
            self._resume()
        if free < self._min:
            return f"waits for disk space: {free >> 20} MiB are free, {self._min >> 20} are wanted"
        return ""

    def _suspend(self) -> None:
        for key in self._keys("state = 'running' AND adapter = 'local'"):
            self._try(key, "guard")
        self._suspended = True

    def _resume(self) -> None:
        for key in self._keys("state = 'suspended' AND guarded = 1"):
            self._try(key, "resume")
        self._suspended = False

    def _keys(self, where: str) -> list[str]:
        with self._catalog.read() as con:
            return [row["key"] for row in con.execute(f"SELECT key FROM job WHERE {where}")]

    def _try(self, key: str, action: str) -> None:
        try:
            self._controls.act(key, action, "disk guard")
        except (Conflict, NotFound):
            return  # it ended meanwhile
