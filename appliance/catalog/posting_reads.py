"""Columns of the catalog read out of SQLite into arrays.

Numbers travel as one text per column and chunk (``group_concat``): SQLite then runs without the
interpreter's lock, and one row comes back instead of millions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.postings import KINDS, FileRows, Ids
from appliance.catalog.wildcards import likes

__all__ = [
    "ids_of",
    "in_chunks",
    "path_ids",
    "path_ranks",
    "read_all_files",
    "read_files_of",
    "read_tagged",
    "templates_after",
]

_CHUNK = 50_000
_MOST_MARKS = 500
_KIND_CODE = "CASE kind {} ELSE 255 END".format(
    " ".join(f"WHEN '{kind}' THEN {code}" for code, kind in enumerate(KINDS))
)
_COLUMNS = {
    "file": (np.int32, "id"),
    "study": (np.int32, "study_id"),
    "path": (np.int32, "path_id"),
    "kind": (np.uint8, _KIND_CODE),
    "size_bytes": (np.int64, "size_bytes"),
    "mtime_ns": (np.int64, "mtime_ns"),
}
_FILES = "SELECT {} FROM files WHERE trashed_at IS NULL AND {{}}".format(
    ", ".join(f"group_concat({sql})" for _, sql in _COLUMNS.values())
)
_TEMPLATES = (  # the + keeps it from reading all names
    "SELECT id, path_fold FROM paths INDEXED BY paths_templated WHERE templated AND +id > ?"
)
_LAST = chr(0x10FFFF)


def read_all_files(con: sqlite3.Connection) -> FileRows:
    """Give all live files, by id."""
    last = con.execute("SELECT ifnull(max(id), 0) FROM files").fetchone()[0]
    parts = [
        _files(con, "id > ? AND id <= ?", [start, start + _CHUNK])
        for start in range(0, last, _CHUNK)
    ]
    return FileRows.none().plus(*parts)


def read_files_of(con: sqlite3.Connection, study_ids: Sequence[int]) -> FileRows:
    """Give the live files of some studies."""
    parts = [
        _files(con, f"study_id IN ({','.join('?' * len(chunk))})", chunk)
        for chunk in in_chunks(study_ids)
    ]
    return FileRows.none().plus(*parts)


def read_tagged(con: sqlite3.Connection, level: str) -> dict[int, Ids]:
    """Give what carries each tag on a level: ids, ascending."""
    rows = con.execute(f"SELECT tag_id, group_concat(x_id) FROM {level}_tags GROUP BY tag_id")
    return {row[0]: np.sort(_numbers(row[1], np.int32)) for row in rows.fetchall()}


def path_ids(con: sqlite3.Connection, pattern: str, *, anchored: bool, after: int = 0) -> Ids:
    """Give the ids of paths that fit a pattern and are newer than `after`.

    Notes
    -----
    What stands before the first wildcard narrows the search to a range of the index.
    """
    found = []
    for text in likes(pattern, anchored=anchored):
        sql, values = _path_condition(text, after)
        found.append(ids_of(con, f"SELECT group_concat(id) FROM paths WHERE {sql}", values))
    return np.concatenate(found)


def templates_after(con: sqlite3.Connection, after: int) -> dict[int, str]:
    """Give the folded templates that are newer than a path id."""
    rows = con.execute(_TEMPLATES, (after,))
    return {row[0]: row[1] for row in rows.fetchall()}


def path_ranks(con: sqlite3.Connection) -> NDArray[np.int64]:
    """Give for each path id its place in the order of the texts, -1 for none."""
    order = ids_of(
        con, "SELECT group_concat(id) FROM (SELECT id FROM paths ORDER BY path LIMIT -1)"
    )
    ranks = np.full(int(order.max(initial=0)) + 1, -1, np.int64)
    ranks[order] = np.arange(len(order))
    return ranks


def ids_of(con: sqlite3.Connection, sql: str, values: Sequence[Any] = ()) -> Ids:
    """Run a query whose one value is a list of ids with commas."""
    return _numbers(con.execute(sql, values).fetchone()[0], np.int32)


def in_chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    """Split ids into lists that fit a statement's parameters."""
    found = list(ids)
    for start in range(0, len(found), _MOST_MARKS):
        yield found[start : start + _MOST_MARKS]


def _path_condition(like: str, after: int) -> tuple[str, list[Any]]:
    sql, values = "path_fold LIKE ? ESCAPE '\\'", [like]
    head = _literal_head(like)
    if after:
        return f"id > ? AND {sql}", [after, *values]
    if head:
        return f"path_fold >= ? AND path_fold < ? AND {sql}", [head, head + _LAST, *values]
    return sql, values


def _files(con: sqlite3.Connection, where: str, values: Sequence[int]) -> FileRows:
    row = con.execute(_FILES.format(where), values).fetchone()
    return FileRows(
        **{
            name: _numbers(text, kind)
            for (name, (kind, _)), text in zip(_COLUMNS.items(), row, strict=True)
        }
    )


def _numbers(text: str | None, kind: Any) -> NDArray[Any]:
    return np.fromstring(text, dtype=np.int64, sep=",").astype(kind) if text else np.zeros(0, kind)


def _literal_head(like: str) -> str:
    """Give what a LIKE argument begins with, without wildcards."""
    head = ""
    at = 0
    while at < len(like) and like[at] not in "%_":
        at += like[at] == "\\"
        head += like[at : at + 1]
        at += 1
    return head
