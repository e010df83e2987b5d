"""Filling in, when the machine has time, the sha256 of files that came without one."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from appliance.catalog import Catalog, FileRow, Tx, file_path, get_file
from appliance.core import DataFolder, NotFound, content_of, sha256_file

__all__ = ["HashFiller", "hash_some"]

_LOG = logging.getLogger(__name__)
_BATCH = 50
_IDLE_S = 30.0


def hash_some(catalog: Catalog, folder: DataFolder, *, after: int = 0, limit: int = _BATCH) -> int:
    """Hash a few files whose row has no sha256 yet.

    Parameters
    ----------
    after : int
        Id of a file; only later ones are looked at.
    limit : int
        How many at most.

    Returns
    -------
    int
        Id of the last file looked at, 0 when none was left.
    """
    with catalog.read() as con:
        ids = [
            row[0]
            for row in con.execute(
                "SELECT id FROM files WHERE sha256 IS NULL AND trashed_at IS NULL AND id > ?"
                " ORDER BY id LIMIT ?",
                (after, limit),
            )
        ]
    for file_id in ids:
        _hash_one(catalog, folder, file_id)
    return ids[-1] if ids else 0


def _hash_one(catalog: Catalog, folder: DataFolder, file_id: int) -> None:
    try:
        with catalog.read() as con:
            row = get_file(con, file_id)
        digest = _stable_digest(file_path(folder, row), row)
    except (OSError, NotFound):
        return  # gone meanwhile: the integrity check reports missing files, not this helper
    if digest:
        catalog.write(lambda tx: _store(tx, row, digest))


def _stable_digest(path: Path, row: FileRow) -> str:
    """Hash a file, or give '' when it is not the one the catalog knows."""
    digest = sha256_file(path)
    facts = content_of(path)
    return digest if facts == (row.size_bytes, row.mtime_ns) else ""


def _store(tx: Tx, row: FileRow, digest: str) -> None:
    tx.con.execute(
        "UPDATE files SET sha256 = ? WHERE id = ? AND mtime_ns = ? AND size_bytes = ?",
        (digest, row.id, row.mtime_ns, row.size_bytes),
    )


class HashFiller:
    """A quiet thread that hashes what has no hash yet.

    Parameters
    ----------
    catalog : Catalog
    folder : DataFolder
    """

    def __init__(self, catalog: Catalog, folder: DataFolder) -> None:
        self._catalog, self._folder = catalog, folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="hash-filler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the file at hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        after = 0
        while not self._stop.wait(1.0 if after else _IDLE_S):
            try:
                after = hash_some(self._catalog, self._folder, after=after)
            except Exception:  # noqa: BLE001 - an outer loop: logged, tried again later
                _LOG.exception("hashing failed")
                after = 0
