"""The rows of studies or files that a question about metadata means, and the cells in them.

Values travel as parameters; what is joined into a statement are numbers and constants.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appliance.catalog.meta_rows import MetaFilter, MetaQuery
from appliance.catalog.meta_sync import NODEINFO
from appliance.core import Invalid

if TYPE_CHECKING:
    import duckdb

__all__ = ["NUMBERS", "VALUE", "Rows", "key_of"]

VALUE = (
    "CASE kind WHEN 0 THEN NULL WHEN 1 THEN if(num = 1, 'true', 'false')"
    " WHEN 2 THEN coalesce(text, CAST(CAST(num AS BIGINT) AS VARCHAR))"
    " WHEN 3 THEN CAST(num AS VARCHAR) ELSE text END"
)
"""A cell as text, the same as in the view ``meta``."""
NUMBERS = "kind IN (1, 2, 3)"
"""Cells that compare as numbers: bool, int and float."""
_NO_FILE = "CAST(NULL AS VARCHAR)"
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
        return int(self.con.execute("SELECT count(*) FROM _row").fetchall()[0][0])

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


def key_of(con: duckdb.DuckDBPyConnection, name: str) -> int:
    """Give the number of a column.

    Raises
    ------
    Invalid
        If there is no such column.
    """
    row = con.execute("SELECT key_id FROM _key WHERE name = ?", [name]).fetchone()
    if row is None:
        raise Invalid(f"no column {name!r} in the metadata", hint="Choose one of the list.")
    return int(row[0])


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


def _condition(con: duckdb.DuckDBPyConnection, one: MetaFilter) -> tuple[str, list[Any]]:
    """Turn a filter into a condition on rows."""
    key_id = key_of(con, one.key)
    inner, values = _test(one)
    having = f"SELECT (study_id, place) FROM _cell WHERE key_id = {key_id} AND {inner}"
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
    return f"{NUMBERS} AND num {one.op} ?", [number]


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
    key_id = key_of(con, name)
    return (
        f"(SELECT min(num) {cell} AND {NUMBERS}) {direction} NULLS LAST,"
        f" (SELECT min(text) {cell}) {direction} NULLS LAST, {natural}"
    ), [key_id, key_id]
