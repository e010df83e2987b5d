"""What a write transaction touched: temporary triggers on the writer's connection take notes.

The notes live in memory and follow the transaction (a roll-back forgets them), so every change to
the tables below is seen, whichever room made it, and nothing is written to the disk for it.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

__all__ = ["Touched", "take_touched", "watch_changes"]


class TagChange(NamedTuple):
    """A tag put on (`present`) or taken off one subject, study or file."""

    level: str
    tag_id: int
    x_id: int
    present: bool


class Touched(NamedTuple):
    """Ids that a transaction touched, and its changes of tags in their order.

    Attributes
    ----------
    rows : set of (str, int)
        ``("subject" | "study" | "files" | "tag" | "paths", id)``; the id of ``files`` is a
        study's, that of ``paths`` is 0 and says that names were changed or dropped.
    tags : list of TagChange
    """

    rows: set[tuple[str, int]]
    tags: list[TagChange]

    def __bool__(self) -> bool:
        return bool(self.rows or self.tags)


_TABLES = """
CREATE TEMP TABLE IF NOT EXISTS touched_rows (
  kind TEXT, id INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS touched_tags (
  n INTEGER PRIMARY KEY, level TEXT, tag_id INTEGER, x_id INTEGER, present INTEGER);
"""
_WATCHED = (  # table, kind, column with the id, columns whose update counts
    ("subjects", "subject", "id", "project_id, pid, trashed_at, created_at"),
    (
        "studies",
        "study",
        "id",
        "project_id, subject_id, sid, date, age_years, description, trashed_at, created_at",
    ),
    ("files", "files", "study_id", "study_id, path_id, size_bytes, mtime_ns, kind, trashed_at"),
    ("tags", "tag", "id", "name"),
)
# No ON CONFLICT here: the policy of the statement that fires a trigger would replace it.
_NOTE = (
    "INSERT INTO touched_rows SELECT '{kind}', {id}"
    " WHERE NOT EXISTS (SELECT 1 FROM touched_rows WHERE kind = '{kind}' AND id = {id});"
)
_NOTE_TAG = (
    "INSERT INTO touched_tags (level, tag_id, x_id, present)"
    " VALUES ('{level}', {row}.tag_id, {row}.x_id, {present});"
)


def watch_changes(con: sqlite3.Connection) -> None:
    """Begin to take notes on a connection that writes; a second call changes nothing.

    The connection's ``temp_store`` should be MEMORY.
    """
    for statement in (*_TABLES.split(";"), *_triggers()):
        con.execute(statement)


def take_touched(con: sqlite3.Connection) -> Touched:
    """Give what was noted since the last call, and forget it."""
    rows = {(row[0], row[1]) for row in con.execute("SELECT kind, id FROM touched_rows")}
    tags = [
        TagChange(row[0], row[1], row[2], bool(row[3]))
        for row in con.execute("SELECT level, tag_id, x_id, present FROM touched_tags ORDER BY n")
    ]
    if rows:
        con.execute("DELETE FROM touched_rows")
    if tags:
        con.execute("DELETE FROM touched_tags")
    return Touched(rows, tags)


def _triggers() -> list[str]:
    found = []
    for table, kind, column, columns in _WATCHED:
        old, new = (_NOTE.format(kind=kind, id=f"{row}.{column}") for row in ("OLD", "NEW"))
        found += [
            _trigger(table, "INSERT", new),
            _trigger(table, f"UPDATE OF {columns}", old + new),
            _trigger(table, "DELETE", old),
        ]
    for level in ("subject", "study", "file"):
        off = _NOTE_TAG.format(level=level, row="OLD", present=0)
        on = _NOTE_TAG.format(level=level, row="NEW", present=1)
        table = f"{level}_tags"
        found += [
            _trigger(table, "INSERT", on),
            _trigger(table, "UPDATE", off + on),
            _trigger(table, "DELETE", off),
        ]
    gone = _NOTE.format(kind="paths", id="0")
    return [*found, _trigger("paths", "UPDATE", gone), _trigger("paths", "DELETE", gone)]


def _trigger(table: str, event: str, body: str) -> str:
    name = f"touched_{table}_{event.partition(' ')[0].lower()}"
    return (
        f"CREATE TEMP TRIGGER IF NOT EXISTS {name} AFTER {event} ON main.{table} BEGIN {body} END"
    )
