"""Questions to a project's metadata cache: columns, tables, values and what plots need.

Values travel as parameters; what is joined into a statement are numbers and constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appliance.catalog.leaves import Kind
from appliance.catalog.meta_row_set import NUMBERS, VALUE, Rows, key_of
from appliance.catalog.meta_rows import (
    Histogram,
    MetaKey,
    MetaQuery,
    MetaTable,
    MetaValue,
    Point,
    Points,
)

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "CELL",
    "Value",
    "meta_histogram",
    "meta_keys",
    "meta_points",
    "meta_size",
    "meta_table",
    "meta_values",
    "plain_value",
]

Value = str | float | int | bool | None
CELL = "kind, num, text"
_BINS = 30
_MOST_POINTS = 20_000


def meta_keys(
    con: duckdb.DuckDBPyConnection, *, search: str = "", limit: int = 500
) -> tuple[list[MetaKey], int]:
    """Give the columns there are whose names hold all words of `search`, and how many.

    Returns
    -------
    list of MetaKey
        By name, at most `limit`.
    int
        How many there are without the limit.
    """
    words = search.split()
    where = " AND ".join("contains(lower(k.name), lower(?))" for _ in words) or "true"
    rows = con.execute(
        "SELECT name, n, n_numbers, low, high, count(*) OVER () FROM _key k JOIN ("
        "  SELECT key_id, count(*) n, count(*) FILTER (kind IN (2, 3)) n_numbers,"
        "  min(num) FILTER (kind IN (2, 3)) low, max(num) FILTER (kind IN (2, 3)) high"
        "  FROM _leaf GROUP BY key_id) USING (key_id)"
        f" WHERE {where} ORDER BY name LIMIT ?",
        [*words, limit],
    ).fetchall()
    keys = [
        MetaKey(name, n, n_numbers, _finite(low), _finite(high))
        for name, n, n_numbers, low, high, _ in rows
    ]
    return keys, rows[0][5] if rows else 0


def meta_size(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Tell how many documents there are, and how many of them hold more than is kept."""
    n, n_cut = _one(con, "SELECT count(*), count(*) FILTER (is_cut) FROM _doc")
    return n, n_cut


def meta_table(
    con: duckdb.DuckDBPyConnection, query: MetaQuery, *, offset: int = 0, limit: int = 200
) -> MetaTable:
    """Give some rows of the table.

    Raises
    ------
    Invalid
        If a filter or the sort names a column that does not exist.
    """
    rows = Rows(con, query)
    place = {key_id: n for n, (key_id, _) in enumerate(rows.columns, 4)}
    found = con.execute(
        "SELECT row_id, study_id, subject, study, file FROM _row WHERE row_id > ?"
        " ORDER BY row_id LIMIT ?",
        [offset, limit],
    ).fetchall()
    table = {row[0]: [*row[1:], *[None] * len(rows.columns)] for row in found}
    cells = con.execute(
        f"SELECT row_id, key_id, {CELL} FROM _cell JOIN _row USING (study_id, place)"
        f" WHERE row_id > ? AND row_id <= ? AND key_id IN ({rows.key_ids()})",
        [offset, offset + limit],
    ).fetchall()
    for row_id, key_id, kind, num, text in cells:
        table[row_id][place[key_id]] = plain_value(kind, num, text)
    return MetaTable(
        columns=[name for _, name in rows.columns], rows=list(table.values()), total=rows.count()
    )


def meta_values(
    con: duckdb.DuckDBPyConnection, key: str, *, search: str = "", limit: int = 100
) -> list[MetaValue]:
    """Give the values of a column by how many documents have them, most frequent first."""
    key_id = key_of(con, key)
    rows = con.execute(
        f"SELECT {VALUE} AS v, count(*) n FROM _leaf"
        " WHERE key_id = ? AND (? = '' OR contains(lower(v), lower(?)))"
        " GROUP BY v ORDER BY n DESC, v LIMIT ?",
        [key_id, search, search, limit],
    ).fetchall()
    return [MetaValue(value, n) for value, n in rows]


def meta_histogram(
    con: duckdb.DuckDBPyConnection, query: MetaQuery, key: str, *, bins: int = _BINS
) -> Histogram:
    """Give how a column's values are spread; bars of equal width, or one for each text."""
    key_id = key_of(con, key)
    Rows(con, _with_columns(query, key))
    cells = f"(SELECT {CELL} FROM _cell SEMI JOIN _row USING (study_id, place) WHERE key_id = ?)"
    n, n_numbers, *facts = _one(
        con,
        f"SELECT count({VALUE}), count(*) FILTER ({NUMBERS}), avg(x), stddev_samp(x), min(x),"
        " quantile_cont(x, 0.25), median(x), quantile_cont(x, 0.75), max(x)"
        f" FROM (SELECT *, if({NUMBERS}, num, NULL) AS x FROM {cells})",
        [key_id],
    )
    if n_numbers * 2 < n or n_numbers == 0:
        rows = con.execute(
            f"SELECT {VALUE} AS v, count(*) n FROM {cells} WHERE v IS NOT NULL"
            " GROUP BY v ORDER BY n DESC, v LIMIT ?",
            [key_id, bins],
        ).fetchall()
        return Histogram(edges=[], counts=[], values=[MetaValue(*row) for row in rows], n=n)
    mean, sd, low, q25, median, q75, high = (_finite(fact) for fact in facts)
    edges = _edges(low or 0.0, high or 0.0, bins)
    rows = con.execute(
        "SELECT least(CAST(floor((num - ?) / ?) AS INTEGER), ?) AS bin, count(*)"
        f" FROM {cells} WHERE {NUMBERS} GROUP BY bin",
        [edges[0], edges[1] - edges[0], len(edges) - 2, key_id],
    ).fetchall()
    counts = dict(rows)
    return Histogram(
        edges=edges,
        counts=[counts.get(n, 0) for n in range(len(edges) - 1)],
        values=[],
        n=n,
        mean=mean,
        sd=sd,
        low=low,
        q25=q25,
        median=median,
        q75=q75,
        high=high,
    )


def meta_points(
    con: duckdb.DuckDBPyConnection, query: MetaQuery, x: str, y: str, group: str = ""
) -> Points:
    """Give rows as points: column `x` against `y`, coloured by the text of `group`."""
    key_ids = [key_of(con, name) for name in (x, y, group or x)]
    Rows(con, _with_columns(query, x, y, group or x))
    joined = (
        "FROM _row r JOIN _cell a ON a.study_id = r.study_id AND a.place = r.place"
        f" AND a.key_id = {key_ids[0]} AND a.{NUMBERS}"
        " JOIN _cell b ON b.study_id = r.study_id AND b.place = r.place"
        f" AND b.key_id = {key_ids[1]} AND b.{NUMBERS}"
    )
    n, r, slope, intercept = _one(
        con,
        "SELECT count(*), corr(b.num, a.num), regr_slope(b.num, a.num),"
        f" regr_intercept(b.num, a.num) {joined}",
    )
    step = max(1, math.ceil(n / _MOST_POINTS))
    grouped = (
        f"(SELECT any_value({VALUE}) FROM _cell c WHERE c.study_id = r.study_id"
        f" AND c.place = r.place AND c.key_id = {key_ids[2]})"
    )
    rows = con.execute(
        f"SELECT a.num, b.num, {grouped if group else 'NULL'}, r.study_id,"
        f" r.subject || '#' || r.study {joined} WHERE r.row_id % {step} = 0 OR {step} = 1"
    ).fetchall()
    return Points(
        points=[Point(*row) for row in rows],
        n=n,
        r=_finite(r),
        slope=_finite(slope),
        intercept=_finite(intercept),
    )


def plain_value(kind: int, num: float, text: str | None) -> Value:
    """Give a cell as the value that JSON held."""
    if kind == Kind.BOOL:
        return num == 1
    if kind == Kind.INT:
        return int(text) if text else int(num)
    return num if kind == Kind.FLOAT else text


def _with_columns(query: MetaQuery, *keys: str) -> MetaQuery:
    """The same rows, but only those that have a value in some columns."""
    return MetaQuery(columns=keys, filters=query.filters, per=query.per, files=query.files)


def _edges(low: float, high: float, bins: int) -> list[float]:
    if not high > low:
        return [low - 0.5, low + 0.5]
    width = (high - low) / bins
    return [low + n * width for n in range(bins)] + [high]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _one(con: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    return con.execute(sql, list(values)).fetchall()[0]
