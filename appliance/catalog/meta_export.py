"""Tables of metadata as files: CSV in the shapes that people ask for, and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from appliance.catalog.leaves import Kind
from appliance.catalog.meta_query import CELL, plain_value
from appliance.catalog.meta_row_set import VALUE, Rows
from appliance.core import Invalid

if TYPE_CHECKING:
    import duckdb

    from appliance.catalog.meta_rows import MetaQuery

__all__ = ["CsvForm", "Shape", "meta_csv", "meta_parquet", "safe_cell"]

Shape = Literal["wide", "tree", "sparse", "long"]
_RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run these
_HEAD = ("subject", "study", "file")
_AT_ONCE = 20_000
_MOST_COLUMNS = 2000


class CsvForm(msgspec.Struct, frozen=True, kw_only=True):
    r"""How a table is written.

    Attributes
    ----------
    shape : {"wide", "tree", "sparse", "long"}
        A row per study and a column per key; the same with repeated subjects and studies left
        blank; without rows and columns that hold nothing; a row per value.
    german : bool
        Semicolons between cells, commas in numbers, and a byte order mark, as a German
        spreadsheet expects. Else commas and points.
    newline : str
        RFC 4180 has ``\r\n``.
    """

    shape: Shape = "wide"
    german: bool = False
    newline: str = "\r\n"


def meta_csv(
    con: duckdb.DuckDBPyConnection, query: MetaQuery, form: CsvForm | None = None
) -> Iterator[str]:
    """Write the table as CSV, piece by piece; the question is asked before the first piece.

    Raises
    ------
    Invalid
        If a filter or the sort names a column that does not exist.
    """
    form = form or CsvForm()
    rows = Rows(con, msgspec.structs.replace(query, keep_empty=form.shape in ("wide", "tree")))
    table = _long(rows, form) if form.shape == "long" else _wide(rows, form)
    return _lines(table, form)


def meta_parquet(
    con: duckdb.DuckDBPyConnection, query: MetaQuery, target: Path, shape: Shape = "wide"
) -> None:
    """Write the table as Parquet, with columns of numbers as numbers.

    Raises
    ------
    Invalid
        If there are too many columns for one table.
    """
    keep_empty = shape in ("wide", "tree")
    rows = Rows(con, msgspec.structs.replace(query, keep_empty=keep_empty))
    select = _long_sql(rows, f"{VALUE} AS value, num") if shape == "long" else _pivot(rows)
    name = str(target).replace("'", "''")
    con.execute(f"COPY ({select}) TO '{name}' (FORMAT parquet, COMPRESSION zstd)")


def safe_cell(text: str) -> str:
    """Keep a spreadsheet from running a text as a formula."""
    return f"'{text}" if text.startswith(_RISKY) else text


def _lines(table: Iterable[Sequence[str]], form: CsvForm) -> Iterator[str]:
    buffer = io.StringIO()
    if form.german:
        buffer.write("\ufeff")
    writer = csv.writer(buffer, delimiter=";" if form.german else ",", lineterminator=form.newline)
    for n, row in enumerate(table, 1):
        writer.writerow(row)
        if n % 1000 == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _wide(rows: Rows, form: CsvForm) -> Iterator[list[str]]:
    columns = _filled(rows) if form.shape == "sparse" else rows.columns
    n_names = 3 if rows.query.per == "file" else 2
    yield [*_HEAD[:n_names], *(safe_cell(name) for _, name in columns)]
    place = {key_id: n for n, (key_id, _) in enumerate(columns, n_names)}
    before = ("", "")
    for names, cells in _rows_with_cells(rows):
        row = [safe_cell(name or "") for name in names[:n_names]] + [""] * len(columns)
        for _, key_id, *cell in cells:
            if key_id in place:
                row[place[key_id]] = _text(cell, form)
        if form.shape == "tree":
            before = _blank(row, before)
        yield row


def _rows_with_cells(rows: Rows) -> Iterator[tuple[tuple[Any, ...], Iterable[tuple[Any, ...]]]]:
    """Give each row's names with its cells, in order; only the names are held in memory."""
    names = rows.con.execute(
        "SELECT row_id, subject, study, file FROM _row ORDER BY row_id"
    ).fetchall()
    cells = groupby(
        _fetched(
            rows.con,
            f"SELECT row_id, key_id, {CELL} FROM _cell JOIN _row USING (study_id, place)"
            f" WHERE key_id IN ({rows.key_ids()}) ORDER BY row_id",
        ),
        key=itemgetter(0),
    )
    waiting = next(cells, None)
    for row_id, *texts in names:
        if waiting is not None and waiting[0] == row_id:
            yield tuple(texts), waiting[1]
            waiting = next(cells, None)
        else:
            yield tuple(texts), ()


def _blank(row: list[str], before: tuple[str, str]) -> tuple[str, str]:
    """Leave out subject and study where they are those of the row above."""
    names = (row[0], row[1])
    if names[0] == before[0]:
        row[0] = ""
        row[1] = "" if names[1] == before[1] else row[1]
    return names


def _filled(rows: Rows) -> list[tuple[int, str]]:
    """Give the columns that hold a value in some row."""
    found = rows.con.execute(
        "SELECT DISTINCT key_id FROM _cell SEMI JOIN _row USING (study_id, place)"
        f" WHERE kind <> 0 AND key_id IN ({rows.key_ids()})"
    ).fetchall()
    present = {row[0] for row in found}
    return [column for column in rows.columns if column[0] in present]


def _long(rows: Rows, form: CsvForm) -> Iterator[list[str]]:
    yield [*_HEAD, "key", "value"]
    for *names, kind, num, text in _fetched(rows.con, _long_sql(rows, CELL, order=True)):
        yield [*(safe_cell(name) for name in names), _text((kind, num, text), form)]


def _long_sql(rows: Rows, value: str, *, order: bool = False) -> str:
    return (
        f"SELECT s.subject, s.study, p.file, k.name AS key, {value}"
        f" FROM {rows.placed} p JOIN _leaf USING (doc_id) JOIN _key k USING (key_id)"
        " JOIN _study s USING (study_id)"
        f" WHERE key_id IN ({rows.key_ids()}) AND kind <> 0 AND"
        " if(doc_id < 0, study_id IN (SELECT study_id FROM _row),"
        "    (study_id, place) IN (SELECT (study_id, place) FROM _row))"
        + (" ORDER BY s.subject, s.study, p.file, k.name" if order else "")
    )


def _pivot(rows: Rows) -> str:
    """Write the table as a statement with a column of a fitting type for each key."""
    if len(rows.columns) > _MOST_COLUMNS:
        raise Invalid(
            f"{len(rows.columns)} columns are too many for one Parquet table",
            hint="Choose columns, or the long shape.",
        )
    kinds = dict(
        rows.con.execute(
            "SELECT key_id, list(DISTINCT kind) FROM _cell SEMI JOIN _row USING (study_id, place)"
            f" WHERE kind <> 0 AND key_id IN ({rows.key_ids()}) GROUP BY key_id"
        ).fetchall()
    )
    taken = {*_HEAD}
    parts = []
    for key_id, name in rows.columns:
        value = _typed(set(kinds.get(key_id, ())))
        parts.append(f"any_value({value}) FILTER (key_id = {key_id}) AS {_name(name, taken)}")
    return (
        "SELECT any_value(subject) AS subject, any_value(study) AS study,"
        f" any_value(CAST(file AS VARCHAR)) AS file{''.join(f', {part}' for part in parts)}"
        " FROM _row LEFT JOIN _cell USING (study_id, place) GROUP BY row_id ORDER BY row_id"
    )


def _typed(kinds: set[int]) -> str:
    if kinds == {Kind.BOOL}:
        return "num = 1"
    if kinds == {Kind.INT}:
        return "TRY_CAST(coalesce(text, CAST(CAST(num AS BIGINT) AS VARCHAR)) AS BIGINT)"
    return "num" if kinds and kinds <= {Kind.INT, Kind.FLOAT} else VALUE


def _name(name: str, taken: set[str]) -> str:
    """Quote a column's name; names that differ only in case would be the same to Parquet."""
    free, n = name, 1
    while free.lower() in taken:
        n += 1
        free = f"{name}_{n}"
    taken.add(free.lower())
    return '"' + free.replace('"', '""') + '"'


def _text(cell: Sequence[Any], form: CsvForm) -> str:
    value = plain_value(*cell)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return safe_cell(value)
    text = "" if value is None else str(value)
    return text.replace(".", ",") if form.german else text


def _fetched(con: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    con.execute(sql)
    while chunk := con.fetchmany(_AT_ONCE):
        yield from chunk
