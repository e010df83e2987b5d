"""SQL typed by a user, on the catalog: read-only, without the tables of access, with a deadline."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog.legacy import SECRET_IN_VIEWS, create_views
from appliance.catalog.stopping import SqlStop
from appliance.core import Invalid, Refused

__all__ = ["SqlResult", "run_sql"]

_SECRET_TABLES = frozenset({"users", "tokens", "sessions", "login_codes", "rights"})
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_REFUSED_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "edit"})
_CHECK_EVERY = 5_000  # virtual machine steps between two looks at the clock
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 32 << 20,  # bytes of one value
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
_MOST_BYTES = 64 << 20


class SqlResult(msgspec.Struct, frozen=True):
    """Names of the columns and the rows; `truncated` when there were more."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


def run_sql(
    path: Path,
    sql: str,
    *,
    max_rows: int = 10_000,
    seconds: float = 10.0,
    project_id: int | None = None,
    views: Mapping[str, str] | None = None,
    stop: SqlStop | None = None,
) -> SqlResult:
    """Run one SELECT.

    Parameters
    ----------
    path : Path
        The catalog's database file.
    sql : str
        One statement, on our tables or on NORA's (``patients``, ``studies``, ``files``...).
    project_id : int, optional
        Project that NORA's tables are of; none: of all.
    views : mapping of str to str, optional
        Further views for NORA's names, of the rooms above.
    stop : SqlStop, optional
        By which another thread can end it.

    Returns
    -------
    SqlResult

    Raises
    ------
    Refused
        If it would write, or read what is not for reading, or takes longer than `seconds`.
    Invalid
        If SQLite does not understand it.
    """
    deadline = time.monotonic() + seconds
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as con:
        con.execute("PRAGMA temp_store = MEMORY")
        create_views(con, project_id, views or {})
        con.execute("PRAGMA query_only = 1")
        for limit, value in _LIMITS.items():
            con.setlimit(limit, value)
        con.set_authorizer(_authorize)
        stop = stop or SqlStop()
        con.set_progress_handler(
            lambda: int(stop.stopped or time.monotonic() > deadline), _CHECK_EVERY
        )
        try:
            return _fetch(con.execute(sql), max_rows)
        except (sqlite3.Error, sqlite3.Warning) as error:
            if stop.stopped:
                raise Refused("the query was stopped") from error
            raise _explain(error, seconds) from error


def _fetch(cursor: sqlite3.Cursor, max_rows: int) -> SqlResult:
    columns = [column[0] for column in cursor.description or ()]
    rows: list[list[Any]] = []
    room = _MOST_BYTES
    for row in cursor:
        if len(rows) == max_rows or room <= 0:
            return SqlResult(columns, rows, truncated=True)
        rows.append(_plain(row))
        room -= sum(len(value) if isinstance(value, str) else 8 for value in rows[-1])
    return SqlResult(columns, rows, truncated=False)


def _authorize(
    action: int, first: str | None, second: str | None, database: str | None, view: str | None
) -> int:
    if action == sqlite3.SQLITE_READ:
        if first not in _SECRET_TABLES:
            return sqlite3.SQLITE_OK
        shown = view in SECRET_IN_VIEWS and second in SECRET_IN_VIEWS.get(first or "", ())
        is_view = database == "temp"
        return sqlite3.SQLITE_OK if shown or is_view else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _explain(error: Exception, seconds: float) -> Invalid | Refused:
    text = str(error)
    if "interrupted" in text:
        return Refused(f"the query took longer than {seconds:g} s", hint="Ask for less at once.")
    if any(word in text for word in ("not authorized", "prohibited", "readonly", "cannot modify")):
        return Refused(f"SQL: {text}", hint="Only SELECT on the research tables is allowed.")
    return Invalid(f"SQL: {text}", hint="Write one SELECT statement.")


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [value.hex() if isinstance(value, bytes) else value for value in row]
