"""SQL typed by a user, on the catalog: read-only, without the tables of access, with a deadline."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from appliance.core import Invalid, Refused

__all__ = ["SqlResult", "run_sql"]

_SECRET_TABLES = frozenset({"users", "tokens", "sessions", "login_codes", "rights"})
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_REFUSED_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "edit"})
_CHECK_EVERY = 5_000  # virtual machine steps between two looks at the clock


class SqlResult(msgspec.Struct, frozen=True):
    """Names of the columns and the rows; `truncated` when there were more."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


def run_sql(path: Path, sql: str, *, max_rows: int = 10_000, seconds: float = 10.0) -> SqlResult:
    """Run one SELECT.

    Parameters
    ----------
    path : Path
        The catalog's database file.
    sql : str
        One statement.

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
        con.execute("PRAGMA query_only = 1")
        con.set_authorizer(_authorize)
        con.set_progress_handler(lambda: int(time.monotonic() > deadline), _CHECK_EVERY)
        try:
            cursor = con.execute(sql)
            rows = cursor.fetchmany(max_rows + 1)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _explain(error, seconds) from error
    columns = [column[0] for column in cursor.description or ()]
    return SqlResult(columns, [_plain(row) for row in rows[:max_rows]], len(rows) > max_rows)


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == sqlite3.SQLITE_READ:
        return sqlite3.SQLITE_DENY if first in _SECRET_TABLES else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _explain(error: Exception, seconds: float) -> Invalid | Refused:
    text = str(error)
    if "interrupted" in text:
        return Refused(f"the query took longer than {seconds:g} s", hint="Ask for less at once.")
    if any(word in text for word in ("not authorized", "prohibited", "readonly")):
        return Refused(f"SQL: {text}", hint="Only SELECT on the research tables is allowed.")
    return Invalid(f"SQL: {text}", hint="Write one SELECT statement.")


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [value.hex() if isinstance(value, bytes) else value for value in row]
