"""Questions to a project's metadata cache: columns, rows, values and what plots need.

Values travel as parameters; what is joined into a statement are numbers and constants.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.catalog.leaves import Kind
from appliance.catalog.meta_rows import (
    Histogram,
    MetaFilter,
    MetaKey,
    MetaQuery,
    MetaTable,
    MetaValue,
    Point,
    Points,
)
from appliance.catalog.meta_sync import NODEINFO
from appliance.core import Invalid

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "CELL",
    "VALUE",
    "Rows",
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
_NO_FILE = "CAST(NULL AS VARCHAR)"
VALUE = (
    "CASE kind WHEN 0 THEN NULL WHEN 1 THEN if(num = 1, 'true', 'false')"
    " WHEN 2 THEN coalesce(text, CAST(CAST(num AS BIGINT) AS VARCHAR))"
    " WHEN 3 THEN CAST(num AS VARCHAR) ELSE text END"
)
_NUMBERS = "kind IN (1, 2, 3)"
_COMPARED = {"=", "!=", "<", "<=", ">", ">="}


class Rows:
    """The rows that a question is about, as temporary tables of one cursor.

    ``_row(row_id, study_id, place, subject, study, file)`` holds the rows that pass the filters,
    ``_cell(study_id, place, key_id, kind, num, text)`` the cells of all rows. The document that
    the catalog makes for a study counts for each of its rows.

    Parameters
    ----------
    con : DuckDBPyConnection
        From `MetaStore.fresh`.
    query : MetaQuery
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, query: MetaQuery) -> None:
        self.con, self.query = con, query
        self.placed, self.base = "_place", "_study_row"
        self._place_documents()
        self.columns = _columns(con, query, self.placed)
        conditions = [_condition(con, one) for one in query.filters]
        self._choose(conditions)

    def count(self) -> int:
        """Tell how many rows there are."""
        return int(_one(self.con, "SELECT count(*) FROM _row")[0])

    def key_ids(self) -> str:
        """Give the numbers of the columns, for a statement."""
        return ",".join(str(key_id) for key_id, _ in self.columns) or "NULL"

    def _place_documents(self) -> None:
        """Say for each document to which row of its study it belongs."""
        if self.query.files is not None or self.query.per == "file":
            self.placed, self.base = "_placed", "_base"
            self._place_chosen()
        self.con.execute(
            "CREATE OR REPLACE TEMP VIEW _cell AS"
            " SELECT p.study_id, p.place, l.key_id, l.kind, l.num, l.text"
            f"  FROM _leaf l JOIN {self.placed} p USING (doc_id) WHERE doc_id > 0"
            " UNION ALL SELECT b.study_id, b.place, l.key_id, l.kind, l.num, l.text"
            f"  FROM _leaf l JOIN {self.placed} p USING (doc_id) JOIN {self.base} b"
            "  USING (study_id) WHERE doc_id < 0"
        )

    def _place_chosen(self) -> None:
        """The same for some files only, or with a row per file; else the cache knows it."""
        per_file = self.query.per == "file"
        place = "row_number() OVER (PARTITION BY study_id, stem ORDER BY file) - 1"
        chosen = ""
        if self.query.files is not None:
            import numpy as np

            ids = np.asarray(self.query.files, dtype=np.int64)
            self.con.register("chosen_files", {"doc_id": ids})
            chosen = "WHERE doc_id IN (FROM chosen_files)"
            if self._asks_nodeinfo():
                studies = "SELECT study_id FROM _doc SEMI JOIN chosen_files USING (doc_id)"
                chosen += f" OR (doc_id < 0 AND study_id IN ({studies}))"
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE _placed AS SELECT doc_id, study_id, file,"
            f" {'doc_id' if per_file else place} AS place FROM _doc {chosen}"
        )
        if chosen:
            self.con.unregister("chosen_files")
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE _base AS WITH own AS ("
            f"  SELECT study_id, place, {'file' if per_file else _NO_FILE} AS file FROM _placed"
            "   WHERE doc_id > 0 GROUP BY ALL)"
            " SELECT * FROM own UNION ALL SELECT study_id, place, NULL FROM _placed p"
            "  WHERE doc_id < 0 AND NOT EXISTS (FROM own WHERE own.study_id = p.study_id)"
        )

    def _asks_nodeinfo(self) -> bool:
        query = self.query
        names = [*query.columns, *(one.key for one in query.filters), query.sort.lstrip("-")]
        return any(name.startswith(f"{NODEINFO}.") for name in names)

    def _worth_a_row(self) -> list[str]:
        """Leave out rows that hold nothing of their own, but for the first of a study.

        What the catalog says of a study stands in each of its rows, and makes none by itself.
        """
        if self.query.keep_empty and self.query.per == "file":
            return []
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE _own AS SELECT DISTINCT study_id, place FROM _leaf"
            f" JOIN {self.placed} USING (doc_id) WHERE doc_id > 0"
            f" AND kind <> 0 AND key_id IN ({self.key_ids()})"
        )
        first = "study_id NOT IN (SELECT study_id FROM _own) AND place = first_place"
        if not self.query.keep_empty:
            first += (
                f" AND study_id IN (SELECT study_id FROM _cell WHERE key_id IN ({self.key_ids()}))"
            )
        return [f"((study_id, place) IN (FROM _own) OR ({first}))"]

    def _choose(self, conditions: Sequence[tuple[str, list[Any]]]) -> None:
        """Number the rows that are wanted, in order."""
        where = [text for text, _ in conditions]
        values = [value for _, more in conditions for value in more]
        where += self._worth_a_row()
        order, more = _order(self.con, self.query.sort)
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE _row AS SELECT"
            f" row_number() OVER (ORDER BY {order}) AS row_id,"
            " study_id, place, subject, study, file FROM"
            " (SELECT *, min(place) OVER (PARTITION BY study_id) AS first_place"
            f"  FROM {self.base}) b"
            " JOIN _study s USING (study_id)"
            f" WHERE {' AND '.join(where) or 'true'}",
            [*more, *values],
        )


@dataclass(frozen=True)
class _Field:
    """A column that a filter, a sort or a plot names."""

    key_id: int
    name: str


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
    field = _field(con, key)
    rows = con.execute(
        f"SELECT {VALUE} AS v, count(*) n FROM _leaf"
        " WHERE key_id = ? AND (? = '' OR contains(lower(v), lower(?)))"
        " GROUP BY v ORDER BY n DESC, v LIMIT ?",
        [field.key_id, search, search, limit],
    ).fetchall()
    return [MetaValue(value, n) for value, n in rows]


def meta_histogram(
    con: duckdb.DuckDBPyConnection, query: MetaQuery, key: str, *, bins: int = _BINS
) -> Histogram:
    """Give how a column's values are spread; bars of equal width, or one for each text."""
    field = _field(con, key)
    Rows(con, _with_columns(query, key))
    cells = f"(SELECT {CELL} FROM _cell SEMI JOIN _row USING (study_id, place) WHERE key_id = ?)"
    n, n_numbers, *facts = _one(
        con,
        f"SELECT count({VALUE}), count(*) FILTER ({_NUMBERS}), avg(x), stddev_samp(x), min(x),"
        " quantile_cont(x, 0.25), median(x), quantile_cont(x, 0.75), max(x)"
        f" FROM (SELECT *, if({_NUMBERS}, num, NULL) AS x FROM {cells})",
        [field.key_id],
    )
    if n_numbers * 2 < n or n_numbers == 0:
        rows = con.execute(
            f"SELECT {VALUE} AS v, count(*) n FROM {cells} WHERE v IS NOT NULL"
            " GROUP BY v ORDER BY n DESC, v LIMIT ?",
            [field.key_id, bins],
        ).fetchall()
        return Histogram(edges=[], counts=[], values=[MetaValue(*row) for row in rows], n=n)
    mean, sd, low, q25, median, q75, high = (_finite(fact) for fact in facts)
    edges = _edges(low or 0.0, high or 0.0, bins)
    rows = con.execute(
        "SELECT least(CAST(floor((num - ?) / ?) AS INTEGER), ?) AS bin, count(*)"
        f" FROM {cells} WHERE {_NUMBERS} GROUP BY bin",
        [edges[0], edges[1] - edges[0], len(edges) - 2, field.key_id],
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
    fields = [_field(con, name) for name in (x, y, group or x)]
    Rows(con, _with_columns(query, x, y, group or x))
    joined = (
        "FROM _row r JOIN _cell a ON a.study_id = r.study_id AND a.place = r.place"
        f" AND a.key_id = {fields[0].key_id} AND a.{_NUMBERS}"
        " JOIN _cell b ON b.study_id = r.study_id AND b.place = r.place"
        f" AND b.key_id = {fields[1].key_id} AND b.{_NUMBERS}"
    )
    n, r, slope, intercept = _one(
        con,
        "SELECT count(*), corr(b.num, a.num), regr_slope(b.num, a.num),"
        f" regr_intercept(b.num, a.num) {joined}",
    )
    step = max(1, math.ceil(n / _MOST_POINTS))
    grouped = (
        f"(SELECT any_value({VALUE}) FROM _cell c WHERE c.study_id = r.study_id"
        f" AND c.place = r.place AND c.key_id = {fields[2].key_id})"
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


def _columns(
    con: duckdb.DuckDBPyConnection, query: MetaQuery, placed: str
) -> list[tuple[int, str]]:
    """Number and name of every column that the question's names and patterns stand for.

    A name that does not occur is an empty column; a pattern takes what the documents hold.
    """
    known: dict[str, int] | None = None
    found: dict[str, int] = {}
    for asked in query.columns or ["*"]:
        if "*" not in asked:
            row = con.execute("SELECT key_id FROM _key WHERE name = ?", [asked]).fetchone()
            found.setdefault(asked, row[0] if row else -1 - len(found))
            continue
        known = known or _present(con, placed)
        pattern = re.compile(_regex(asked), re.DOTALL)
        fitting = {name: key_id for name, key_id in known.items() if pattern.fullmatch(name)}
        found |= {name: key_id for name, key_id in fitting.items() if name not in found}
    return [(key_id, name) for name, key_id in found.items()]


def _present(con: duckdb.DuckDBPyConnection, placed: str) -> dict[str, int]:
    """Give the columns of the placed documents, by name."""
    rows = con.execute(
        "SELECT name, key_id FROM _key SEMI JOIN"
        f" (SELECT key_id FROM _leaf SEMI JOIN {placed} USING (doc_id)) USING (key_id)"
        " ORDER BY name"
    )
    return dict(rows.fetchall())


def _regex(pattern: str) -> str:
    return ".*".join(re.escape(part) for part in pattern.split("*"))


def _with_columns(query: MetaQuery, *keys: str) -> MetaQuery:
    """The same rows, but only those that have a value in some columns."""
    return MetaQuery(columns=keys, filters=query.filters, per=query.per, files=query.files)


def _field(con: duckdb.DuckDBPyConnection, name: str) -> _Field:
    row = con.execute("SELECT key_id FROM _key WHERE name = ?", [name]).fetchone()
    if row is None:
        raise Invalid(f"no column {name!r} in the metadata", hint="Choose one of the list.")
    return _Field(row[0], name)


def _condition(con: duckdb.DuckDBPyConnection, one: MetaFilter) -> tuple[str, list[Any]]:
    """Turn a filter into a condition on rows."""
    field = _field(con, one.key)
    inner, values = _test(one)
    having = f"SELECT (study_id, place) FROM _cell WHERE key_id = {field.key_id} AND {inner}"
    word = "NOT IN" if one.op == "missing" else "IN"
    return f"(study_id, place) {word} ({having})", values


def _test(one: MetaFilter) -> tuple[str, list[Any]]:
    if one.op in ("exists", "missing"):
        return "kind <> 0", []
    if one.op == "contains":
        return f"contains(lower({VALUE}), lower(?))", [str(one.value)]
    if one.op not in _COMPARED:
        raise Invalid(f"no comparison {one.op!r}", hint=f"Use one of {sorted(_COMPARED)}.")
    number = _number(one.value)
    if number is None:
        return f"{VALUE} {one.op} ?", [str(one.value)]
    return f"{_NUMBERS} AND num {one.op} ?", [number]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return {"true": 1.0, "false": 0.0}.get(str(value).lower())
    return number if math.isfinite(number) else None


def _order(con: duckdb.DuckDBPyConnection, sort: str) -> tuple[str, list[Any]]:
    natural = "subject, study, file, place"
    down, name = sort.startswith("-"), sort.removeprefix("-")
    direction = "DESC" if down else "ASC"
    if name in ("", "subject"):
        return natural.replace("subject", f"subject {direction}"), []
    if name in ("study", "date"):
        return f"{name} {direction} NULLS LAST, {natural}", []
    cell = "FROM _cell c WHERE c.study_id = b.study_id AND c.place = b.place AND c.key_id = ?"
    key_id = _field(con, name).key_id
    return (
        f"(SELECT min(num) {cell} AND {_NUMBERS}) {direction} NULLS LAST,"
        f" (SELECT min(text) {cell}) {direction} NULLS LAST, {natural}"
    ), [key_id, key_id]


def _edges(low: float, high: float, bins: int) -> list[float]:
    if not high > low:
        return [low - 0.5, low + 0.5]
    width = (high - low) / bins
    return [low + n * width for n in range(bins)] + [high]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _one(con: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    return con.execute(sql, list(values)).fetchall()[0]
