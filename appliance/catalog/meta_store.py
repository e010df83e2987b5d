"""The metadata of projects as tables made for questions; a cache that may be lost at any time.

One DuckDB file per project, because a person's own SQL can always read the file it runs on: it
may hold only what that person may see.
"""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.catalog.meta_schema import discard, open_cache
from appliance.catalog.meta_sync import Synchronizer
from appliance.core import Refused, StorageError

if TYPE_CHECKING:
    import duckdb

    from appliance.catalog.rows import Project
    from appliance.catalog.store import Catalog

__all__ = ["MetaStore"]

_MOST_OPEN = 6
_MOST_SQL = 2  # sandboxes at a time


@dataclass
class _Cache:
    """One project's open file."""

    con: duckdb.DuckDBPyConnection
    sync: Synchronizer
    lock: threading.Lock = field(default_factory=threading.Lock)


class MetaStore:
    """Keeps the caches in step with the catalog and opens them for questions.

    Parameters
    ----------
    catalog : Catalog
        Where the truth is.
    folder : Path
        Where the files are made, such as ``<data>/cache/meta``.

    Attributes
    ----------
    sandboxes : threading.Semaphore
        Held while a statement of a person runs.
    """

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.sandboxes = threading.Semaphore(_MOST_SQL)
        self._catalog = catalog
        self._folder = folder
        self._open: OrderedDict[str, _Cache] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def fresh(self, project: Project) -> Iterator[duckdb.DuckDBPyConnection]:
        """Bring a project's cache up to date and open it for reading.

        Yields
        ------
        DuckDBPyConnection
            For this thread only; changes committed later are not seen by a running statement.

        Raises
        ------
        StorageError
            If the cache cannot be written.
        """
        import duckdb

        cache = self._synced(project)
        cursor = cache.con.cursor()
        try:
            yield cursor
        except duckdb.OutOfMemoryException as error:
            raise Refused(
                "the question needs more memory than metadata may take",
                hint="Ask for fewer columns or fewer files.",
            ) from error
        except duckdb.Error as error:
            raise StorageError("the metadata cache failed", hint="Try again.") from error
        finally:
            cursor.close()

    def snapshot(self, project: Project) -> Path:
        """Give a file with the present state of a project that nobody changes any more."""
        cache = self._synced(project)
        with cache.lock:
            path = self._folder / "snapshots" / f"{project.key}-{cache.sync.seq}.duckdb"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                for old in path.parent.glob(f"{project.key}-*"):
                    discard(old)  # who still reads it has it open
                _copy(cache.con, self._path(project.key), path)
        return path

    def forget(self, project_key: str) -> None:
        """Throw away all that is kept of a project; it is made anew when it is asked for."""
        self._forget(project_key)
        for old in (self._folder / "snapshots").glob(f"{project_key}-*"):
            discard(old)

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for cache in self._open.values():
                cache.con.close()
            self._open.clear()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.duckdb"

    def _synced(self, project: Project) -> _Cache:
        import duckdb

        cache = self._cache(project)
        with cache.lock:
            try:
                cache.sync.run()
            except duckdb.Error as error:
                self._forget(project.key)
                raise StorageError(
                    "the metadata cache could not be brought up to date",
                    hint="Is the disk full? It is made anew when you try again.",
                ) from error
        return cache

    def _cache(self, project: Project) -> _Cache:
        with self._lock:
            cache = self._open.get(project.key)
            if cache is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                con = open_cache(self._path(project.key))
                cache = _Cache(con, Synchronizer(self._catalog, con, project.id))
                self._open[project.key] = cache
            self._open.move_to_end(project.key)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)[1].con.close()
            return cache

    def _forget(self, key: str) -> None:
        with self._lock:
            cache = self._open.pop(key, None)
            if cache is not None:
                cache.con.close()
            discard(self._path(key))


def _copy(con: duckdb.DuckDBPyConnection, source: Path, target: Path) -> None:
    """Copy the file when all of it is in it; with readers about, copy table by table."""
    import duckdb

    part = target.with_name(f"{target.name}.part")
    discard(part)
    try:
        con.execute("CHECKPOINT")
        if source.with_name(f"{source.name}.wal").exists():
            raise duckdb.TransactionException("the log still holds changes")
        shutil.copyfile(source, part)
    except duckdb.TransactionException:
        _copy_tables(con, part)
    part.rename(target)


def _copy_tables(con: duckdb.DuckDBPyConnection, target: Path) -> None:
    discard(target)
    name = str(target).replace("'", "''")
    source = con.execute("SELECT current_database()").fetchall()[0][0]
    con.execute(f"ATTACH '{name}' AS snapshot")
    try:
        con.execute(f'COPY FROM DATABASE "{source}" TO snapshot')
    finally:
        con.execute("DETACH snapshot")
