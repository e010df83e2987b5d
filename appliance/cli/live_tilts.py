"""Joins watched folders and tilt series that are still recorded; the two rooms do not know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.core import Settings

if TYPE_CHECKING:
    from appliance.exchange import Importer, WatchedRoot
    from appliance.tomography import LiveRoot, LiveSeries

__all__ = ["live_series"]


def live_series(
    importer: Importer, settings: Settings, on_files: Callable[[list[int]], object]
) -> LiveSeries | None:
    """Give what follows the series of all folders that ask for it; None when none does."""
    from appliance.exchange import watched_roots
    from appliance.tomography import LiveSeries

    folder = importer.ctx.folder
    watched = watched_roots(folder, settings.watch)
    roots = [_live(root) for root in watched if root.live_s > 0 and not root.wrong]
    if not roots:
        return None
    return LiveSeries(
        importer.ctx.catalog,
        folder,
        roots,
        min_free_bytes=settings.data.min_free_bytes,
        on_files=on_files,
    )


def _live(root: WatchedRoot) -> LiveRoot:
    from appliance.tomography import LiveRoot, StudyPlace

    def place(path: Path) -> StudyPlace | None:
        found = root.study_of(path)
        return None if found is None else StudyPlace(*found)

    return LiveRoot(root.path, root.live_s, place)
