"""Tables in text files (CSV, TSV): taken once into a file of DuckDB, then given by pages.

Values of a question travel as parameters; columns are named by their number.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from appliance.catalog.table_filters import condition, quoted
from appliance.core import FormatError, Invalid, Refused

if TYPE_CHECKING:
    import duckdb

__all__ = ["TableColumn", "TablePage", "TableWish", "keep_table", "read_table"]

ColumnKind = Literal["number", "text", "time", "truth"]
_TABS = frozenset({".tsv", ".tab"})
_SECONDS = 20.0
_MOST_ROWS = 20_000
_MOST_COLUMNS = 200
_HEAD_BYTES = 1 << 16
_EXACT = 1 << 53
_CHUNK = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_MISSING = ["", "n/a", "N/A", "NA"]
_ALL = "true"
_DECIMAL_COMMA = re.compile(rb";\s*-?\d+,\d+\s*(?:;|\r?\n)")
_CONFIG: dict[str, Any] = {
    "memory_limit": "1GB",
    "threads": 2,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}


class TableColumn(msgspec.Struct, frozen=True):
    """Name and kind of a column."""

    name: str
    kind: ColumnKind


class TableWish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a table.

    Attributes
    ----------
    offset, limit : int
        Which of the rows that fit, and how many of them (at most 20 000).
    sort : str
        Number of a column, with ``-`` in front to turn the order round.
    find : str
        Words that must stand somewhere in the row.
    where : list
        ``"3:>5"``: what the values of a column must be; all of them hold.
    columns : list of int or None
        Which columns; None gives the first 200.
    spread : bool
        Take the rows evenly from all that fit, for a plot.
    sheet : int
        Which sheet of a workbook.
    """

    offset: int = 0
    limit: int = 200
    sort: str = ""
    find: str = ""
    where: list[str] = msgspec.field(default_factory=list)
    columns: list[int] | None = None
    spread: bool = False
    sheet: int = 0


class TablePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of a table.

    Attributes
    ----------
    columns : list
        All columns there are.
    shown : list of int
        Those of the rows.
    total, n_matching : int
        Rows of the table, and those that fit.
    rows : list
        The number of the row in the file, from 1, and its values.
    note : str
        What had to be done to read the file.
    sheets : list of str
        Sheets of a workbook that can be asked for.
    """

    columns: list[TableColumn]
    shown: list[int]
    total: int
    n_matching: int
    rows: list[list[Any]]
    note: str = ""
    sheets: list[str] = msgspec.field(default_factory=list)


def keep_table(source: Path, target: Path) -> None:
    """Take a table into a file that `read_table` reads.

    Columns of numbers, times and truth values are recognised. What does not fit the kind of its
    column makes all columns text; lines that cannot be read at all are left out, and both is said.

    Raises
    ------
    FormatError
        If the file holds no table.
    """
    import duckdb

    head = _head(source)
    with TemporaryDirectory(prefix=".table-", dir=target.parent) as home:
        link, made = Path(home) / "table.csv", Path(home) / "made.duckdb"
        _under_our_name(source, link)
        failure: Exception | None = None
        for note, options in _attempts(source, head):
            made.unlink(missing_ok=True)
            try:
                _take(link, made, note, options)
            except duckdb.Error as error:
                failure = error
                continue
            made.replace(target)
            return
    hint = "Tables are text with a comma, a semicolon or a tab between the values."
    raise FormatError(f"{source.name} holds no table that can be read", hint=hint) from failure


def read_table(kept: Path, wish: TableWish) -> TablePage:
    """Give a page of a table.

    Raises
    ------
    Invalid
        If there is no such column.
    Refused
        If the answer takes too long.
    """
    with _opened(kept) as con:
        columns = _columns(con)
        total = _number(con, "SELECT count(*) FROM t")
        where, values = _where(wish, columns)
        fitting = total
        if where != _ALL:
            fitting = _number(con, f"SELECT count(*) FROM t WHERE {where}", values)
        return TablePage(
            columns=columns,
            shown=_shown(wish, columns),
            total=total,
            n_matching=fitting,
            rows=_rows(con, wish, columns, (where, values), fitting),
            note=str(con.execute("SELECT note FROM facts").fetchall()[0][0]),
        )


def _under_our_name(source: Path, link: Path) -> None:
    """Point to a file: DuckDB takes * and [ in a name for a pattern, and reads UTF-8 only."""
    try:
        with source.open(encoding="utf-8", newline="") as stream:
            while stream.read(_CHUNK):
                pass
        link.symlink_to(source.resolve())
    except UnicodeDecodeError:
        with (
            source.open(encoding="latin-1", newline="") as stream,
            link.open("w", encoding="utf-8", newline="") as copy,
        ):
            shutil.copyfileobj(stream, copy, _CHUNK)


def _head(source: Path) -> bytes:
    with source.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head.strip():
        raise FormatError(f"{source.name} is empty")
    if b"\0" in head:
        raise FormatError(f"{source.name} is no text", hint="It may be a spreadsheet; save as CSV.")
    return head


def _attempts(source: Path, head: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give ways to read a file, the strict one first."""
    known: dict[str, Any] = {"sample_size": 50_000, "na_values": _MISSING}
    line = head.partition(b"\n")[0].decode("latin-1")
    separator = "\t" if source.suffix.lower() in _TABS else max(_SEPARATORS, key=line.count)
    if separator in line:
        known["sep"] = separator
    loose = {**known, "all_varchar": True, "null_padding": True, "strict_mode": False}
    if separator == ";" and _DECIMAL_COMMA.search(head):
        known["decimal"] = ","
    yield "", known
    yield "All values are shown as text: some do not fit the others of their column.", loose
    note = "Lines that cannot be read are left out; all values are shown as text."
    yield note, {**loose, "ignore_errors": True}


def _take(link: Path, made: Path, note: str, options: dict[str, Any]) -> None:
    import duckdb

    con = duckdb.connect(str(made), config=_CONFIG)
    try:
        table = con.read_csv(str(link), **options)
        if not table.columns:
            raise duckdb.InvalidInputException("no columns")
        table.create("t")
        con.execute("CREATE TABLE facts AS SELECT ?::VARCHAR AS note", [note])
    finally:
        con.close()


@contextmanager
def _opened(kept: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a kept table for one question that ends in time."""
    import duckdb

    with duckdb.connect(str(kept), read_only=True, config=_CONFIG) as base, base.cursor() as con:
        late = threading.Timer(_SECONDS, con.interrupt)
        late.daemon = True
        late.start()
        try:
            yield con
        except duckdb.InterruptException as error:
            raise Refused(
                f"the table was not sorted and filtered within {_SECONDS:g} s",
                hint="Ask for less at once.",
            ) from error
        finally:
            late.cancel()


def _columns(con: duckdb.DuckDBPyConnection) -> list[TableColumn]:
    found = con.execute("SELECT column_name, column_type FROM (DESCRIBE t)").fetchall()
    return [TableColumn(str(name), _kind(str(told))) for name, told in found]


def _kind(told: str) -> ColumnKind:
    if told == "BOOLEAN":
        return "truth"
    if told.startswith(("DATE", "TIME")):
        return "time"
    numbers = ("DECIMAL", "DOUBLE", "FLOAT", "BIGINT", "HUGEINT", "INTEGER", "SMALLINT", "TINYINT")
    return "number" if told.removeprefix("U").startswith(numbers) else "text"


def _shown(wish: TableWish, columns: list[TableColumn]) -> list[int]:
    wanted = wish.columns if wish.columns is not None else [*range(len(columns))]
    return [_check(at, columns) for at in wanted[:_MOST_COLUMNS]]


def _check(at: int, columns: list[TableColumn]) -> int:
    if not 0 <= at < len(columns):
        raise Invalid(f"the table has no column number {at}; it has {len(columns)}")
    return at


def _where(wish: TableWish, columns: list[TableColumn]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for word in wish.find.split():
        cells = ", ".join(quoted(one.name) for one in columns[:_MOST_COLUMNS])
        parts.append(f"contains(lower(concat_ws(chr(31), {cells})), lower(?))")
        values.append(word)
    for told in wish.where:
        number, colon, text = told.partition(":")
        if not colon or not number.isdecimal():
            raise Invalid(f"not a condition: {told!r}", hint="Write the column, a colon, a value.")
        column = columns[_check(int(number), columns)]
        part, more = condition(column.name, text, numeric=column.kind == "number")
        parts.append(part)
        values += more
    return " AND ".join(parts) or _ALL, values


def _order(wish: TableWish, columns: list[TableColumn]) -> str:
    if not wish.sort:
        return "rowid"
    number = wish.sort.removeprefix("-")
    if not number.isdecimal():
        raise Invalid(f"not a column to sort by: {wish.sort!r}")
    column = quoted(columns[_check(int(number), columns)].name)
    return f"{column} {'DESC' if wish.sort.startswith('-') else 'ASC'} NULLS LAST, rowid"


def _rows(
    con: duckdb.DuckDBPyConnection,
    wish: TableWish,
    columns: list[TableColumn],
    where: tuple[str, list[Any]],
    fitting: int,
) -> list[list[Any]]:
    names = (quoted(columns[at].name) for at in _shown(wish, columns))
    cells = ", ".join(["rowid + 1", *names])
    limit = max(0, min(wish.limit, _MOST_ROWS))
    step = math.ceil(fitting / limit) if wish.spread and limit else 1
    every = f"QUALIFY (row_number() OVER (ORDER BY rowid) - 1) % {step} = 0" if step > 1 else ""
    order = "rowid" if wish.spread else _order(wish, columns)
    sql = (
        f"SELECT {cells} FROM t WHERE {where[0]} {every}"
        f" ORDER BY {order} LIMIT {limit} OFFSET {0 if wish.spread else max(0, wish.offset)}"
    )
    return [[_plain(value) for value in row] for row in con.execute(sql, where[1]).fetchall()]


def _number(con: duckdb.DuckDBPyConnection, sql: str, values: list[Any] | None = None) -> int:
    return int(con.execute(sql, values or []).fetchall()[0][0])


def _plain(value: Any) -> Any:
    """Turn a value into what JSON knows; integers beyond the exact ones become text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return str(value)
