"""The catalog database: one writer thread, many readers, and an event for every change."""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from appliance.catalog.events import Event, EventBus
from appliance.catalog.touched import take_touched, watch_changes
from appliance.core import DiskFull, StorageError, now_ms

if TYPE_CHECKING:
    from appliance.catalog.keeper import Keeper
    from appliance.catalog.postings import Postings
    from appliance.catalog.sqlite_tools import Migrations

__all__ = ["AttributeProvider", "Catalog", "JobCounter", "Reader", "Tx"]

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_KEPT_EVENTS = 100_000
_PRUNE_EVERY = 5_000
_MOST_JOINED = 1_000  # files in one event

AttributeProvider = Callable[[str], tuple[str, Sequence[Any]]]
"""From the value of ``NAME:value`` to a subquery of study ids and its parameters."""
JobCounter = Callable[[sqlite3.Connection, Sequence[int]], Mapping[int, Mapping[str, int]]]
"""From study ids to counts by letter (q, r, e, d)."""


class Reader(sqlite3.Connection):
    """A read-only connection that knows the attributes other rooms registered.

    Attributes
    ----------
    keeper : Keeper or None
        Where a running service holds its postings; None means that SQL answers.
    postings : Postings or None
        The state that all questions of one read view are answered from, once one has asked.
    """

    attributes: Mapping[str, AttributeProvider]
    file_attributes: Mapping[str, AttributeProvider]
    job_counter: JobCounter | None
    keeper: Keeper | None
    postings: Postings | None


class Tx:
    """One write transaction, handed to a write function.

    Attributes
    ----------
    con : sqlite3.Connection
        The writer's connection, inside ``BEGIN IMMEDIATE``.
    """

    def __init__(self, con: sqlite3.Connection) -> None:
        self.con = con
        self._told: list[tuple[str, dict[str, Any]]] = []

    def event(self, topic: str, **data: Any) -> None:
        """Tell of a change; listeners hear of it after the commit.

        What says the same as the event before it is told once, and files of one study that follow
        each other are told of together: an import of forty files is one event.
        """
        if self._told and self._told[-1][0] == topic and _joined(topic, self._told[-1][1], data):
            return
        self._told.append((topic, {k: list(v) if k == "file_ids" else v for k, v in data.items()}))

    def write_events(self) -> list[Event]:
        """Add the events to the sequence, as the last act of the transaction."""
        at = now_ms()
        found = []
        for topic, data in self._told:
            cursor = self.con.execute(
                "INSERT INTO events (at, topic, data) VALUES (?, ?, ?)",
                (at, topic, json.dumps(data)),
            )
            found.append(Event(int(cursor.lastrowid or 0), at, topic, data))
        return found

    def operation(
        self, verb: str, *, actor: str, target: Mapping[str, Any], before: Any = None
    ) -> int:
        """Write one line of history.

        Parameters
        ----------
        verb : str
            What was done, such as ``"trash"``.
        actor : str
            Login, job key or room that did it.
        target : mapping
            What it was done to.
        before : JSON value, optional
            What an undo needs.

        Returns
        -------
        int
            Id of the operation.
        """
        cursor = self.con.execute(
            "INSERT INTO operations (at, actor, verb, target, before) VALUES (?, ?, ?, ?, ?)",
            (now_ms(), actor, verb, json.dumps(target), json.dumps(before)),
        )
        return int(cursor.lastrowid or 0)


class Catalog:
    """The SQLite truth of one data folder. Open it with `Catalog.open`.

    Attributes
    ----------
    path : Path
        The database file.
    events : EventBus
        Committed changes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = EventBus()
        self._attributes: dict[str, AttributeProvider] = {}
        self._file_attributes: dict[str, AttributeProvider] = {}
        self._job_counter: JobCounter | None = None
        self._keeper: Keeper | None = None
        self._foreign: int | None = None
        self._queue: queue.SimpleQueue[tuple[Callable[[Tx], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._local = threading.local()
        self._readers: list[tuple[threading.Thread, Reader]] = []
        self._readers_lock = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write_loop, name="catalog-writer", daemon=True)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        migrations: Sequence[Migrations] = (),
        backup_dir: Path | None = None,
    ) -> Self:
        """Open, or make, a catalog and bring its schema up to date.

        Parameters
        ----------
        path : Path
            Database file on a local disk.
        migrations : sequence of Migrations
            Those of the rooms above, applied after the catalog's own.
        backup_dir : Path, optional
            Where a copy goes before an existing database is migrated.

        Returns
        -------
        Catalog

        Raises
        ------
        StorageError
            If the file is damaged, or was written by a newer version.
        """
        from appliance.catalog.migrate import migrate

        migrate(path, migrations, backup_dir)
        catalog = cls(path)
        catalog._writer.start()
        return catalog

    def register_attribute(
        self, name: str, provider: AttributeProvider, of_files: AttributeProvider | None = None
    ) -> None:
        """Let a room above answer ``NAME:value`` in filters, such as ``JOB:e``.

        `of_files` gives the ids of files instead, where a filter asks single files.
        """
        self._attributes[name.upper()] = provider
        if of_files is not None:
            self._file_attributes[name.upper()] = of_files

    def register_job_counter(self, counter: JobCounter) -> None:
        """Let the jobs room count jobs by letter for rows of studies."""
        self._job_counter = counter

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Give this thread's read-only connection, with one consistent view of the data.

        Yields
        ------
        Reader
            Rows are `sqlite3.Row`. Nested use in one thread shares the outer view.
        """
        con = self._reader()
        con.job_counter = self._job_counter  # may have been registered since this one was opened
        con.keeper = self._keeper
        if con.in_transaction:
            yield con
            return
        con.postings = None
        con.execute("BEGIN")
        try:
            yield con
        finally:
            con.rollback()  # an open read view keeps the WAL from shrinking

    def write(self, fn: Callable[[Tx], _T]) -> _T:
        """Run a function in a write transaction on the writer thread, and wait for its commit.

        Parameters
        ----------
        fn : callable
            Takes the `Tx`. It must be short (50 ms at most) and touch no file or network.

        Returns
        -------
        object
            What `fn` returned; the data is durable.

        Raises
        ------
        Exception
            What `fn` raised, after a roll-back; `DiskFull` when the disk is.
        """
        if threading.current_thread() is self._writer:
            raise RuntimeError("a write inside a write: pass the Tx on instead")
        if self._closed:
            raise StorageError("the catalog is closed", hint="The service is stopping.")
        future: Future[_T] = Future()
        self._queue.put((fn, future))
        return future.result()

    def start_postings(self) -> Keeper:
        """Load the postings in the background, and keep them in step with every change from now on.

        Returns
        -------
        Keeper
            Filters and pages use it by themselves; until it has loaded, SQL answers.
        """
        from appliance.catalog.keeper import Keeper

        if self._keeper is not None:
            return self._keeper
        keeper = Keeper(self.read)
        self.write(lambda tx: self._watch(tx.con, keeper))
        keeper.start()
        return keeper

    def events_since(self, seq: int, limit: int = 1000) -> list[Event]:
        """Give events after a place in the sequence, oldest first."""
        with self.read() as con:
            rows = con.execute(
                "SELECT seq, at, topic, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
                (seq, limit),
            ).fetchall()
        return [Event(r["seq"], r["at"], r["topic"], json.loads(r["data"])) for r in rows]

    def last_seq(self) -> int:
        """Give the place of the newest event."""
        with self.read() as con:
            return int(con.execute("SELECT ifnull(max(seq), 0) FROM events").fetchone()[0])

    def close(self) -> None:
        """Finish the writes that wait, then close all connections."""
        if self._closed:
            return
        self._closed = True
        if self._keeper is not None:
            self._keeper.stop()
        self._queue.put(None)
        self._writer.join()
        with self._readers_lock:
            for _, con in self._readers:
                con.close()
            self._readers.clear()

    def _reader(self) -> Reader:
        con: Reader | None = getattr(self._local, "con", None)
        if con is None:
            if self._closed:
                raise StorageError("the catalog is closed", hint="The service is stopping.")
            con = self._open_reader()
            self._local.con = con
        return con

    def _open_reader(self) -> Reader:
        con = sqlite3.connect(
            f"{self.path.as_uri()}?mode=ro",
            uri=True,
            factory=Reader,
            isolation_level=None,
            check_same_thread=False,  # closed by close(), from another thread
            timeout=5,
        )
        con.row_factory = sqlite3.Row
        con.execute("PRAGMA query_only = 1")
        con.attributes = self._attributes
        con.file_attributes = self._file_attributes
        with self._readers_lock:
            gone = {id(one) for thread, one in self._readers if not thread.is_alive()}
            ended = [one for _, one in self._readers if id(one) in gone]
            self._readers = [pair for pair in self._readers if id(pair[1]) not in gone]
            self._readers.append((threading.current_thread(), con))
        for one in ended:
            one.close()
        return con

    def _write_loop(self) -> None:
        try:
            con = self._open_writer()
        except sqlite3.Error as error:
            self._refuse(_translate(error))
            return
        done = 0
        while (entry := self._queue.get()) is not None:
            self._run(con, *entry)
            done += 1
            if done % _PRUNE_EVERY == 0:
                self._run(con, _prune_events, Future())
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.close()

    def _open_writer(self) -> sqlite3.Connection:
        con = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        con.row_factory = sqlite3.Row
        con.execute("PRAGMA synchronous = FULL")
        con.execute("PRAGMA foreign_keys = 1")
        con.execute("PRAGMA temp_store = MEMORY")  # for the notes of what was touched
        return con

    def _refuse(self, error: BaseException) -> None:
        """Answer every write with the error: nobody waits for a writer that cannot begin."""
        while (entry := self._queue.get()) is not None:
            entry[1].set_exception(error)

    def _watch(self, con: sqlite3.Connection, keeper: Keeper) -> None:
        watch_changes(con)
        self._keeper = keeper

    def _tell_keeper(self, con: sqlite3.Connection) -> None:
        """Hand on what the commit touched; another process's commit is only seen to have been."""
        if self._keeper is None:
            return
        foreign = con.execute("PRAGMA data_version").fetchone()[0]
        if self._foreign not in (None, foreign):
            self._keeper.forget()
        self._foreign = foreign
        touched = take_touched(con)
        if touched:
            self._keeper.hear(touched)

    def _run(self, con: sqlite3.Connection, fn: Callable[[Tx], Any], future: Future[Any]) -> None:
        tx = Tx(con)
        try:
            con.execute("BEGIN IMMEDIATE")
            result = fn(tx)
            events = tx.write_events()
            con.execute("COMMIT")
            self._tell_keeper(con)
        except BaseException as error:  # noqa: BLE001 - handed to the caller through the future
            if con.in_transaction:
                con.execute("ROLLBACK")
            future.set_exception(_translate(error))
            return
        future.set_result(result)
        self.events.publish(events)


def _joined(topic: str, last: dict[str, Any], new: dict[str, Any]) -> bool:
    """Put an event into the one before it, if nothing is lost by that."""
    if last == new:
        return True
    if topic != "files.changed" or not ("file_ids" in last and "file_ids" in new):
        return False
    if len(last["file_ids"]) >= _MOST_JOINED or {**last, "file_ids": new["file_ids"]} != new:
        return False
    last["file_ids"].extend(new["file_ids"])
    return True


def _prune_events(tx: Tx) -> None:
    tx.con.execute(
        "DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?", (_KEPT_EVENTS,)
    )


def _translate(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return DiskFull("the catalog cannot grow: the disk is full", hint="Free some space.")
    return error
