"""Brings a catalog in which paths were kept as they are into the form of templates."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from appliance.catalog.path_rows import put_paths
from appliance.catalog.templates import intern_path

__all__ = ["intern_all"]

_CHUNK = 20_000
_MARK = (
    "UPDATE paths SET path = char(3) || path"
    " WHERE instr(path, char(1)) OR instr(path, char(2)) OR instr(path, char(3))"
)
_COLUMN = (
    "ALTER TABLE paths ADD COLUMN templated INTEGER GENERATED ALWAYS AS"
    " (unicode(path) <> 3 AND (instr(path, char(1)) > 0 OR instr(path, char(2)) > 0)) VIRTUAL"
)
_INDEX = "CREATE INDEX paths_templated ON paths (path_fold) WHERE templated"
_FILES = (
    "SELECT f.id, p.path AS kept, u.pid, s.sid FROM files f JOIN paths p ON p.id = f.path_id"
    " JOIN studies s ON s.id = f.study_id JOIN subjects u ON u.id = s.subject_id"
    " WHERE f.id > ? AND f.id <= ? AND unicode(p.path) <> 3"
    " AND (instr(p.path, u.pid) > 0 OR instr(p.path, s.sid) > 0)"
)
_CHANGE = "UPDATE files SET path_id = (SELECT id FROM paths WHERE path = ?) WHERE id = ?"
_UNUSED = "DELETE FROM paths WHERE NOT EXISTS (SELECT 1 FROM files WHERE path_id = paths.id)"


def intern_all(con: sqlite3.Connection) -> None:
    """Keep all paths in their new form, within the present transaction; drop those left over.

    Notes
    -----
    O(files); what lies in memory are `_CHUNK` files at a time.
    """
    con.execute(_MARK)
    con.execute(_COLUMN)
    con.execute(_INDEX)
    for changed in _changes(con):
        put_paths(con, dict.fromkeys(kept for kept, _ in changed))
        con.executemany(_CHANGE, changed)
    con.execute(_UNUSED)


def _changes(con: sqlite3.Connection) -> Iterator[list[tuple[str, int]]]:
    last = con.execute("SELECT ifnull(max(id), 0) FROM files").fetchone()[0]
    for start in range(0, last, _CHUNK):
        rows = con.execute(_FILES, (start, start + _CHUNK)).fetchall()
        interned = [(intern_path(row[1], row[2], row[3]), row[1], row[0]) for row in rows]
        yield [(kept, file_id) for kept, old, file_id in interned if kept != old]
