"""Pages found by SQL: what a service uses until its postings are loaded, and the command line."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from appliance.catalog.conditions import (
    Condition,
    all_of,
    file_tree_condition,
    study_tree_condition,
)
from appliance.catalog.cursors import Found, Order
from appliance.catalog.nodes import Filter
from appliance.catalog.rows import FileQuery, StudyQuery, SubjectQuery

__all__ = ["files_by_sql", "studies_by_sql", "subjects_by_sql"]


def studies_by_sql(
    con: sqlite3.Connection,
    project_id: int,
    query: StudyQuery,
    trees: Sequence[Filter],
    order: Order,
) -> Found:
    """Give one page of studies; all trees must hold."""
    parts: list[Condition] = [("s.project_id = ? AND s.trashed_at IS NULL", [project_id])]
    parts += [study_tree_condition(con, tree) for tree in trees]
    parts += _dates(query)
    if query.subject_id is not None:
        parts.append(("s.subject_id = ?", [query.subject_id]))
    tables = "studies s"
    if order.name == "pid":
        tables += " JOIN subjects u ON u.id = s.subject_id"
    return _found(con, tables, "s.id", all_of(parts), order)


def subjects_by_sql(
    con: sqlite3.Connection,
    project_id: int,
    query: SubjectQuery,
    *,
    name: Filter | None,
    trees: Sequence[Filter],
    order: Order,
) -> Found:
    """Give one page of subjects; `name` asks themselves, the rest must hold for one study."""
    parts: list[Condition] = [("u.project_id = ? AND u.trashed_at IS NULL", [project_id])]
    if name is not None:
        sql, values = study_tree_condition(con, name)
        some = f"SELECT s.subject_id FROM (SELECT id AS subject_id FROM subjects) s WHERE {sql}"
        parts.append((f"u.id IN ({some})", values))
    asked = [study_tree_condition(con, tree) for tree in trees] + _dates(query)
    if asked:
        sql, values = all_of(asked)
        having = (
            "SELECT s.subject_id FROM studies s WHERE s.project_id = ? AND s.trashed_at IS NULL"
        )
        parts.append((f"u.id IN ({having} AND {sql})", [project_id, *values]))
    return _found(con, "subjects u", "u.id", all_of(parts), order)


def files_by_sql(
    con: sqlite3.Connection,
    project_id: int,
    query: FileQuery,
    tree: Filter | None,
    order: Order,
) -> Found:
    """Give one page of files."""
    parts: list[Condition] = [
        ("f.project_id = ? AND f.trashed_at IS NULL AND s.trashed_at IS NULL", [project_id])
    ]
    if tree is not None:
        parts.append(file_tree_condition(con, tree))
    parts += _dates(query)
    if query.study_id is not None:
        parts.append(("f.study_id = ?", [query.study_id]))
    if query.kind is not None:
        parts.append(("f.kind = ?", [query.kind]))
    tables = "files f JOIN paths p ON p.id = f.path_id JOIN studies s ON s.id = f.study_id"
    if query.study_id is not None:  # the planner does not know how few these are
        tables = (
            "studies s CROSS JOIN files f ON f.study_id = s.id"
            " CROSS JOIN paths p ON p.id = f.path_id CROSS JOIN subjects u ON u.id = s.subject_id"
        )
    return _found(con, tables, "f.id", all_of(parts), order)


def _dates(query: StudyQuery | SubjectQuery | FileQuery) -> list[Condition]:
    """Ask for the dates of studies; one without a date lies in no range."""
    parts: list[Condition] = []
    if query.date_from:
        parts.append(("s.date >= ?", [query.date_from]))
    if query.date_to:
        parts.append(("s.date <= ? AND s.date <> ''", [query.date_to]))
    return parts


def _found(
    con: sqlite3.Connection,
    tables: str,
    id_column: str,
    where: Condition,
    order: Order,
) -> Found:
    """Count what matches, and give the ids of one page: no fact of a row is worked out here."""
    total = con.execute(f"SELECT count(*) FROM {tables} WHERE {where[0]}", where[1]).fetchone()[0]
    behind, more, clause = order.sql(id_column)
    sql = (
        f"SELECT {id_column}, {order.column} FROM {tables}"
        f" WHERE ({where[0]}) AND {behind} ORDER BY {clause} LIMIT ?"
    )
    values: list[Any] = [*where[1], *more, order.n + 1]
    rows = con.execute(sql, values).fetchall()
    kept = rows[: order.n]
    cursor = Order.cursor(kept[-1][1], kept[-1][0]) if len(rows) > order.n else None
    return Found([row[0] for row in kept], cursor, total)
