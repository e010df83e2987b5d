"""Shows arrivals in the table of jobs, as rows of queue DPXimport.

What an import did file by file, and what a person decides about it, is the page Arrivals.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from appliance.catalog import Catalog
from appliance.cli.import_log import import_log
from appliance.cli.import_sql import (
    LETTERS,
    QUEUE,
    count_imports,
    fates,
    find_import,
    imports,
    studies,
)
from appliance.core import Conflict, Invalid
from appliance.jobs import JobDetail, JobQuery, JobRow, LogPiece, Place, Placed

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["ImportRows"]


class ImportRows:
    """The arrivals of one catalog as rows of the table of jobs.

    Parameters
    ----------
    catalog : Catalog
        Where receipts are.
    retry : callable
        Tries an arrival again, by its key.
    """

    def __init__(self, catalog: Catalog, retry: Callable[[str], object]) -> None:
        self._catalog, self._retry = catalog, retry

    def rows(self, query: JobQuery, after: Place | None) -> list[Placed]:
        """Give the imports behind a place."""
        with self._catalog.read() as con:
            found = imports(con, query, after)
        return [Placed(Place(row["sort_value"], row["id"]), _row(row)) for row in found]

    def count(self, query: JobQuery) -> int:
        """Count the imports that fit."""
        with self._catalog.read() as con:
            return count_imports(con, query)

    def owns(self, key: str) -> bool:
        """Tell whether a key is that of an arrival."""
        with self._catalog.read() as con:
            found = con.execute("SELECT 1 FROM receipts WHERE key = ?", (key,)).fetchone()
        return found is not None

    def detail(self, key: str) -> JobDetail:
        """Give an import with what became of its files."""
        with self._catalog.read() as con:
            row = find_import(con, key)
            spec = {
                "receipt": key,
                "kind": row["kind"],
                "project": row["project"],
                "n_files": row["n_files"],
                "n_pending": row["n_pending"],
                "size_bytes": row["size_bytes"],
                "reason": row["reason"],
                "hint": row["hint"],
                "studies": studies(con, row["id"]),
                "files": [msgspec.structs.asdict(fate) for fate in fates(con, row["id"])],
            }
        return JobDetail(row=_row(row), spec=spec, attempts=[], files=[], history=[])

    def read_log(self, key: str, *, offset: int = 0) -> LogPiece:
        """Give the account of an import from an offset on; complete once it has ended."""
        with self._catalog.read() as con:
            row = find_import(con, key)
            text = import_log(row, fates(con, row["id"]), studies(con, row["id"]))
        data = text.encode()
        piece = data[offset:].decode("utf-8", "replace")
        return LogPiece(piece, max(offset, len(data)), LETTERS[row["state"]] in "ed")

    def act(self, key: str, action: str, actor: str) -> None:
        """Retry, dismiss or restore an import; nothing else can be done to one.

        Raises
        ------
        Conflict
            If the import, or any import, does not take the action.
        Invalid
            If there is no such action.
        """
        with self._catalog.read() as con:
            row = find_import(con, key)
        if action == "retry":
            self._try_again(row)
        elif action == "dismiss":
            self._dismiss(row, actor)
        elif action == "restore":
            self._restore(row, actor)
        elif action in ("cancel", "suspend", "resume"):
            hint = "The page Arrivals tells what can be decided about it."
            raise Conflict(f"nobody can {action} an import", hint=hint, job=key)
        else:
            raise Invalid(f"nothing can be done to an import called {action!r}")

    def _try_again(self, row: sqlite3.Row) -> None:
        if LETTERS[row["state"]] != "e":
            hint = "Only what failed, was set aside or waits for a decision is tried again."
            raise Conflict(f"an import that is {row['state']} cannot be retried", hint=hint)
        self._retry(row["key"])

    def _dismiss(self, row: sqlite3.Row, actor: str) -> None:
        """Take an import out of the table until something changes; its receipt stays."""
        key, state = row["key"], row["state"]
        if LETTERS[state] not in "ed":
            raise Conflict(f"an import that is {state} cannot be dismissed", hint="Let it end.")

        def write(tx: Tx) -> None:
            tx.con.execute(
                "INSERT OR REPLACE INTO dismissed_row SELECT key, updated_at FROM receipts"
                " WHERE id = ? AND state = ?",
                (row["id"], state),
            )
            tx.operation("dismiss_import", actor=actor, target={"receipt": key})
            tx.event("job.changed", key=key, state=state, letter="", project=row["project"])

        self._catalog.write(write)

    def _restore(self, row: sqlite3.Row, actor: str) -> None:
        """Bring a dismissed import back into the table."""
        if row["dismissed"] is None:
            raise Conflict("this import is in the table", job=row["key"])
        self._catalog.write(lambda tx: _restored(tx, row, actor))


def _restored(tx: Tx, row: sqlite3.Row, actor: str) -> None:
    key, state = row["key"], row["state"]
    tx.con.execute("DELETE FROM dismissed_row WHERE key = ?", (key,))
    tx.operation("restore_import", actor=actor, target={"receipt": key})
    tx.event("job.changed", key=key, state=state, letter=LETTERS[state], project=row["project"])


def _row(row: sqlite3.Row) -> JobRow:
    state, arrived, closed = row["state"], row["created_at"], row["closed_at"]
    return JobRow(
        key=row["key"],
        batch_key=None,
        name=f"import ({row['kind']})",
        psid=row["psid"],
        project=row["project"],
        study_id=None,
        subject_id=None,
        state=state,
        letter=LETTERS[state],
        queue=QUEUE,
        attempt=0,
        failure=None,
        why=row["reason"] or _progress(row),
        owner="",
        created_at=arrived,
        started_at=None if LETTERS[state] == "q" else arrived,
        ended_at=closed,
        wall_s=None if closed is None else (closed - arrived) / 1000,
        cpus=0,
        memory_mb=0,
        gpus=0,
        dismissed=row["dismissed"] is not None,
    )


def _progress(row: sqlite3.Row) -> str:
    n, pending = row["n_files"], row["n_pending"]
    files = "1 file" if n == 1 else f"{n} files"
    return f"{n - pending} of {files}" if pending else files if n else ""
