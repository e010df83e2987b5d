"""The rows of ``paths``: made, found and changed by what the path means in a study."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from appliance.catalog.templates import expand_path, folded_path, intern_path

__all__ = [
    "StudyNames",
    "blank_paths",
    "files_at",
    "intern_again",
    "intern_in",
    "names_of_studies",
    "put_paths",
    "studies_of_subject",
    "study_names",
]

_PUT = "INSERT INTO paths (path, path_fold) VALUES (?, ?) ON CONFLICT (path) DO NOTHING"
_BLANK = (
    "UPDATE paths SET path = char(3) || 'erased/' || id, path_fold = 'erased/' || id"
    " WHERE id = ? AND NOT EXISTS (SELECT 1 FROM files WHERE path_id = paths.id)"
)
_NAMES = "SELECT s.id, u.pid, s.sid FROM studies s JOIN subjects u ON u.id = s.subject_id WHERE {}"


class StudyNames(NamedTuple):
    """A study with the ids that its paths are kept without."""

    study_id: int
    pid: str
    sid: str


def study_names(con: sqlite3.Connection, study_id: int) -> StudyNames | None:
    """Give the ids of a study, None when there is no such study."""
    row = con.execute(_NAMES.format("s.id = ?"), (study_id,)).fetchone()
    return None if row is None else StudyNames(*row)


def names_of_studies(con: sqlite3.Connection, study_ids: Sequence[int]) -> dict[int, StudyNames]:
    """Give the ids of many studies."""
    rows = con.execute(
        _NAMES.format("s.id IN (SELECT value FROM json_each(?))"), (json.dumps(study_ids),)
    ).fetchall()
    return {row[0]: StudyNames(*row) for row in rows}


def studies_of_subject(con: sqlite3.Connection, subject_id: int) -> list[StudyNames]:
    """Give all studies of a subject, those in the trash too."""
    rows = con.execute(_NAMES.format("s.subject_id = ?"), (subject_id,)).fetchall()
    return [StudyNames(*row) for row in rows]


def put_paths(con: sqlite3.Connection, kept: Iterable[str]) -> None:
    """Make the rows of kept forms, where there are none yet."""
    con.executemany(_PUT, [(path, folded_path(path)) for path in kept])


def intern_in(con: sqlite3.Connection, study_id: int, paths: Sequence[str]) -> list[str]:
    """Give the kept forms of paths in a study; as they are when there is no such study."""
    names = study_names(con, study_id)
    if names is None:
        return list(paths)
    return [intern_path(path, names.pid, names.sid) for path in paths]


def files_at(con: sqlite3.Connection, study_id: int, paths: Iterable[str]) -> dict[str, int]:
    """Give the files that a study has at some paths, those in the trash too: path to file id."""
    wanted = list(dict.fromkeys(paths))
    kept = dict(zip(intern_in(con, study_id, wanted), wanted, strict=True))
    rows = con.execute(
        "SELECT p.path AS kept, f.id FROM json_each(?) w CROSS JOIN paths p ON p.path = w.value"
        " CROSS JOIN files f ON f.path_id = p.id AND f.study_id = ?",
        (json.dumps(list(kept)), study_id),
    ).fetchall()
    return {kept[row[0]]: row[1] for row in rows}


def blank_paths(con: sqlite3.Connection, path_ids: Iterable[int]) -> None:
    """Take the text out of paths that no file has any more; their rows stay.

    A row that went would give its number to the next path, and what is remembered of paths by
    number would be wrong.
    """
    con.executemany(_BLANK, [(one,) for one in path_ids])


def intern_again(con: sqlite3.Connection, before: Sequence[StudyNames]) -> None:
    """Keep the paths of some studies in their new form, after their ids were changed.

    The names of files do not change with the ids.

    Parameters
    ----------
    before : sequence of StudyNames
        The studies with the ids they had.
    """
    for old in before:
        new = study_names(con, old.study_id)
        if new is not None and new != old:
            _intern_study(con, old, new)


def _intern_study(con: sqlite3.Connection, old: StudyNames, new: StudyNames) -> None:
    rows = con.execute(
        "SELECT f.id, p.path AS kept FROM files f JOIN paths p ON p.id = f.path_id"
        " WHERE f.study_id = ?",
        (old.study_id,),
    ).fetchall()
    changed = []
    for file_id, kept in rows:
        now = intern_path(expand_path(kept, old.pid, old.sid), new.pid, new.sid)
        if now != kept:
            changed.append((now, file_id))
    if not changed:
        return
    put_paths(con, [kept for kept, _ in changed])
    # Two files may swap their forms: each is set aside first, which no other file can meet.
    con.execute("PRAGMA defer_foreign_keys = 1")
    con.executemany("UPDATE files SET path_id = -path_id WHERE id = ?", [(i,) for _, i in changed])
    con.executemany(
        "UPDATE files SET path_id = (SELECT id FROM paths WHERE path = ?) WHERE id = ?", changed
    )
