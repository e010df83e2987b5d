"""Files and studies that a selector means, as the command line, the API and jobs ask for them."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby

from appliance.catalog.conditions import (
    Condition,
    all_of,
    asks_files,
    file_tree_condition,
    path_tree_condition,
    study_tree_condition,
)
from appliance.catalog.filters import parse_filter
from appliance.catalog.in_memory import view_of
from appliance.catalog.nodes import Absolute, And, Attribute, Filter
from appliance.catalog.reads import tags_of
from appliance.catalog.rows import SelectedFile
from appliance.catalog.selection import Selection, parse_selector, parse_subjects
from appliance.catalog.templates import path_sql
from appliance.catalog.wildcards import escape, fold

__all__ = ["find_files", "select", "select_reference", "select_studies", "studies_with_path"]

_MANY_STUDIES = 10_000  # from here on it is faster to start from the paths
_FEW_STUDIES = 200  # fewer are asked file by file
_MANY_FILES = 50_000
_SELECT = (
    f"SELECT f.id, f.study_id, f.kind, f.size_bytes, {path_sql()} AS path, u.pid, s.sid {{tables}}"
    " WHERE f.trashed_at IS NULL AND s.trashed_at IS NULL AND u.trashed_at IS NULL AND {where}"
    f" ORDER BY u.pid, s.sid, {path_sql()}"
)
_OWNERS = " CROSS JOIN studies s ON s.id = f.study_id CROSS JOIN subjects u ON u.id = s.subject_id"
# CROSS JOIN fixes the order in which SQLite looks
_FROM_STUDIES = (
    "FROM json_each(?) w CROSS JOIN studies s ON s.id = w.value"
    " CROSS JOIN subjects u ON u.id = s.subject_id"
    " CROSS JOIN files f ON f.study_id = s.id CROSS JOIN paths p ON p.id = f.path_id"
)
_FROM_PATHS = "FROM paths p CROSS JOIN files f ON f.path_id = p.id" + _OWNERS
_FROM_IDS = (
    "FROM json_each(?) w CROSS JOIN files f ON f.id = w.value CROSS JOIN paths p"
    " ON p.id = f.path_id" + _OWNERS
)
_FROM_FILES = "FROM files f CROSS JOIN paths p ON p.id = f.path_id" + _OWNERS
_DIGITS = re.compile(r"(\d+)")


def select(
    con: sqlite3.Connection,
    project_id: int,
    selector: str,
    *,
    studies: Sequence[int] | None = None,
) -> list[SelectedFile]:
    """Give the files that a selector means.

    Parameters
    ----------
    selector : str
        As `parse_selector` reads it. One word is a file selector over all studies. With more,
        the first word selects studies (``*``, ``S-00*``, ``PID#SID``, ``PID#LATEST[n]``,
        ``stag:x``, ``(stag:x & !ptag:y)``) and the others files; several are a union.
    studies : sequence of int, optional
        Study ids to look in; then all words are file selectors.

    Returns
    -------
    list of SelectedFile
        By subject, study and path, or as the selector says; ``NTH`` counts in each study.

    Raises
    ------
    Invalid
        If the selector does not parse, with the fact ``position``.
    """
    asked = parse_selector(selector, in_studies=studies is not None)
    narrow, files = _split(asked)
    scope = None if studies is None else list(studies)
    if narrow:
        scope = _scope(con, project_id, narrow, scope)
    rows = _rows(con, project_id, files, scope)
    return _selected(con, _kept(rows, asked))


def find_files(
    con: sqlite3.Connection, project_id: int, text: str, studies: Sequence[int]
) -> list[SelectedFile]:
    """Give the files of some studies that a filter bar's text means, by subject, study and path.

    Raises
    ------
    Invalid
        If the text does not parse, with the fact ``position``.
    """
    tree = parse_filter(text)
    return _selected(con, _rows(con, project_id, [tree] if tree else [], list(studies)))


def select_studies(con: sqlite3.Connection, project_id: int, selector: str) -> list[int]:
    """Give the ids of the studies that a subject selector means, by subject and date.

    Raises
    ------
    Invalid
        If the selector does not parse, with the fact ``position``.
    """
    tree = parse_subjects(selector)
    where, values = ("1", []) if tree is None else study_tree_condition(con, tree)
    rows = con.execute(
        "SELECT s.id FROM studies s JOIN subjects u ON u.id = s.subject_id"
        f" WHERE s.project_id = ? AND s.trashed_at IS NULL AND u.trashed_at IS NULL AND ({where})"
        " ORDER BY u.pid, ifnull(s.date, ''), ifnull(s.time, ''), s.sid",
        [project_id, *values],
    ).fetchall()
    return [row[0] for row in rows]


def select_reference(
    con: sqlite3.Connection, reference: str, study_ids: Sequence[int]
) -> list[int]:
    """Give the studies that a reference means, seen from the studies a job runs on.

    Parameters
    ----------
    reference : str
        A subject selector such as ``ANALYSIS#MNI``. ``[selectionpatient]`` in it stands for the
        subject of the job, as in ``[selectionpatient]#OLDEST``; ``[selection]`` for its studies.
    study_ids : sequence of int
        The studies it runs on, all of one subject, or none.

    Returns
    -------
    list of int
        Ids within the same project, by subject and date.

    Raises
    ------
    Invalid
        If the reference does not parse, with the fact ``position``.
    """
    if reference.strip() == "[selection]" or not study_ids:
        return list(study_ids)
    row = con.execute(
        "SELECT s.project_id, u.pid FROM studies s JOIN subjects u ON u.id = s.subject_id"
        " WHERE s.id = ?",
        (study_ids[0],),
    ).fetchone()
    if row is None:
        return []
    own = '"' + escape(row["pid"]).replace('"', '""') + '"'
    return select_studies(con, row["project_id"], reference.replace("[selectionpatient]", own))


def studies_with_path(
    con: sqlite3.Connection, study_ids: Sequence[int], selector: str, path: str
) -> list[int]:
    """Give those of some studies in which a file selector means a path, were there such a file.

    Raises
    ------
    Invalid
        If the selector does not parse, with the fact ``position``.
    """
    tree = parse_selector(selector, in_studies=True).files
    where, values = ("1", []) if tree is None else path_tree_condition(con, tree, path)
    rows = con.execute(
        "SELECT s.id FROM json_each(?) w CROSS JOIN studies s ON s.id = w.value"
        f" WHERE s.trashed_at IS NULL AND ({where})",
        [json.dumps(list(study_ids)), *values],
    ).fetchall()
    return [row[0] for row in rows]


def _split(asked: Selection) -> tuple[list[Filter], list[Filter]]:
    """Split what must hold into what only studies are asked and what files are asked."""
    files = asked.files
    terms = list(files.terms) if isinstance(files, And) else [files] if files else []
    narrow = [asked.studies] if asked.studies is not None else []
    narrow += [term for term in terms if not asks_files(term)]
    return narrow, [term for term in terms if asks_files(term)]


def _scope(
    con: sqlite3.Connection, project_id: int, narrow: Sequence[Filter], ids: Sequence[int] | None
) -> list[int]:
    """Give the ids of the studies to look in, out of `ids` when these are given."""
    parts: list[Condition] = [("s.project_id = ? AND s.trashed_at IS NULL", [project_id])]
    if ids is not None:
        parts.append(("s.id IN (SELECT value FROM json_each(?))", [json.dumps(ids)]))
    parts += [study_tree_condition(con, tree) for tree in narrow]
    where, values = all_of(parts)
    rows = con.execute(f"SELECT s.id FROM studies s WHERE {where}", values).fetchall()
    return [row[0] for row in rows]


def _rows(
    con: sqlite3.Connection, project_id: int, files: Sequence[Filter], scope: Sequence[int] | None
) -> list[sqlite3.Row]:
    parts: list[Condition] = [("f.project_id = ?", [project_id])]
    ids = _in_memory(con, project_id, files, scope)
    if ids is not None:
        where, values = all_of(parts)
        sql = _SELECT.format(tables=_FROM_IDS, where=where)
        return con.execute(sql, [json.dumps(ids), *values]).fetchall()
    parts += [file_tree_condition(con, tree) for tree in files]
    tables, first = _FROM_PATHS, []
    if scope is not None and len(scope) <= _MANY_STUDIES:
        tables, first = _FROM_STUDIES, [json.dumps(scope)]
    elif any(map(_names_files, files)):
        tables = _FROM_FILES
    if scope is not None and tables != _FROM_STUDIES:
        # the + keeps it from being looked up once for each path and study
        parts.append(("+f.study_id IN (SELECT value FROM json_each(?))", [json.dumps(scope)]))
    where, values = all_of(parts)
    return con.execute(_SELECT.format(tables=tables, where=where), [*first, *values]).fetchall()


def _in_memory(
    con: sqlite3.Connection, project_id: int, files: Sequence[Filter], scope: Sequence[int] | None
) -> list[int] | None:
    """Give the files by their ids where the postings of a service find them faster."""
    if not files or (scope is not None and len(scope) <= _FEW_STUDIES):
        return None
    view = view_of(con)
    if view is None:
        return None
    from appliance.catalog.fast_select import selected_ids

    return selected_ids(view, project_id, files, scope, _MANY_FILES)


def _names_files(tree: Filter) -> bool:
    """Tell whether a node gives the ids of its files without looking at paths."""
    return isinstance(tree, Absolute) or (isinstance(tree, Attribute) and tree.name == "FTAG")


def _kept(rows: Sequence[sqlite3.Row], asked: Selection) -> Iterable[sqlite3.Row]:
    """Sort the files of each study and keep the one that is asked for."""
    if not asked.sort and asked.nth is None:
        return rows
    kept: list[sqlite3.Row] = []
    for _, group in groupby(rows, key=lambda row: row["study_id"]):
        files = list(group)
        if asked.sort:
            files.sort(key=lambda row: _natural(row["path"]), reverse=asked.sort == "down")
        kept += files if asked.nth is None else _nth(files, asked.nth)
    return kept


def _nth(files: list[sqlite3.Row], n: int) -> list[sqlite3.Row]:
    at = n - 1 if n > 0 else len(files) + n
    return files[at : at + 1] if at >= 0 else []


def _natural(path: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key in which ``s2`` comes before ``s10``."""
    parts = _DIGITS.split(fold(path))
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts], path


def _selected(con: sqlite3.Connection, found: Iterable[sqlite3.Row]) -> list[SelectedFile]:
    rows = list(found)
    tags = tags_of(con, "file", [row["id"] for row in rows])
    return [
        SelectedFile(
            file_id=row["id"],
            study_id=row["study_id"],
            pid=row["pid"],
            sid=row["sid"],
            psid=f"{row['pid']}#{row['sid']}",
            path=row["path"],
            kind=row["kind"],
            size_bytes=row["size_bytes"],
            tags=tags[row["id"]],
        )
        for row in rows
    ]
