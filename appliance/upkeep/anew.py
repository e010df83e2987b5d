"""Building a catalog again from the projects' folders, when it is damaged and no backup is left."""

from __future__ import annotations

import logging
from pathlib import Path

from appliance.core import DataFolder, fsync_dir, iso, now_ms
from appliance.upkeep.rescanning import rescan
from appliance.upkeep.schema import catalog_extensions
from appliance.upkeep.values import RescanReport

__all__ = ["rebuild"]

_LOG = logging.getLogger(__name__)


def rebuild(folder: DataFolder) -> tuple[Path, RescanReport]:
    """Set the catalog and the queue aside, and make the catalog anew from what lies on disk.

    Jobs, arrivals, users, tokens and history are not on disk. Who the subjects are is in a database
    of its own, which stays.

    Returns
    -------
    Path, RescanReport
        Where the old files lie now, and what was found.

    Raises
    ------
    Conflict
        If a service uses the data folder.
    StorageError
        If the disk of the projects is not mounted; then nothing was touched.
    """
    from appliance.catalog import Catalog

    with folder.lock():
        folder.check_marker(folder.projects)
        kept = folder.backups / f"damaged-{iso(now_ms())[:19].replace(':', '')}Z"
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (folder.catalog_path, folder.queue_path):
            for end in ("-wal", "-shm", ""):
                part = Path(f"{path}{end}")
                if part.exists():
                    part.replace(kept / part.name)
        fsync_dir(kept)
        fsync_dir(folder.root)
        _LOG.warning("the catalog was set aside in %s and is built anew", kept)
        catalog = Catalog.open(folder.catalog_path, migrations=catalog_extensions())
        try:
            return kept, rescan(catalog, folder)
        finally:
            catalog.close()
