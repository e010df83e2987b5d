"""Selectors: ``<subject selector> <file selector> ...`` as the command line and jobs use them."""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Sequence

from appliance.catalog.conditions import (
    Condition,
    all_of,
    file_condition,
    pattern_condition,
    study_condition,
)
from appliance.catalog.filters import like
from appliance.catalog.reads import tags_of
from appliance.catalog.rows import SelectedFile
from appliance.core import Invalid

__all__ = ["select", "select_studies"]

_RANKED = re.compile(r"^(LATEST|OLDEST)(?:\[(\d+)\])?$")
_SELECT = (
    "SELECT f.id, f.study_id, f.kind, f.size_bytes, p.path, u.pid, s.sid {tables}"
    " WHERE f.trashed_at IS NULL AND {where} ORDER BY u.pid, s.sid, p.path"
)
_FROM_STUDIES = (  # CROSS JOIN fixes the order: few studies, then their files, then the names
    "FROM studies s CROSS JOIN subjects u ON u.id = s.subject_id"
    " CROSS JOIN files f ON f.study_id = s.id CROSS JOIN paths p ON p.id = f.path_id"
)
_FROM_PATHS = (  # all studies: the names are the smallest set
    "FROM paths p CROSS JOIN files f ON f.path_id = p.id"
    " CROSS JOIN studies s ON s.id = f.study_id CROSS JOIN subjects u ON u.id = s.subject_id"
)


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
        One word is a file selector over all studies. With more, the first word selects subjects
        (``*``, ``S-00*``, ``PID#SID``, ``PID#LATEST[n]``, ``stag:x``, ``ptag:x``, ``notstag:x``)
        and the others files; several file selectors are a union.
    studies : sequence of int, optional
        Study ids to look in; then all words are file selectors.

    Returns
    -------
    list of SelectedFile
        By subject, study and path.

    Raises
    ------
    Invalid
        If the selector does not parse.
    """
    words = _words(selector)
    subject = "*"
    if studies is None and len(words) > 1 and not _joined(words[0], words[1]):
        subject, words = words[0], words[1:]
    narrow = studies is not None or subject != "*"
    chosen = list(studies) if studies is not None else None
    if chosen is None and narrow:
        chosen = select_studies(con, project_id, subject)
    parts: list[Condition] = [("f.project_id = ?", [project_id]), _files(con, words)]
    if chosen is not None:
        parts.append((f"s.id IN ({','.join(map(str, map(int, chosen)))})", []))
    else:
        parts.append(("s.trashed_at IS NULL", []))
    where, values = all_of(parts)
    tables = _FROM_STUDIES if narrow else _FROM_PATHS
    rows = con.execute(_SELECT.format(tables=tables, where=where), values).fetchall()
    return _selected(con, rows)


def select_studies(con: sqlite3.Connection, project_id: int, selector: str) -> list[int]:
    """Give the ids of the studies that a subject selector means, by subject and study."""
    where, values, rank = _subject(con, project_id, selector)
    rows = con.execute(
        "SELECT s.id, s.subject_id, s.date FROM studies s JOIN subjects u ON u.id = s.subject_id"
        f" WHERE s.project_id = ? AND s.trashed_at IS NULL AND ({where})"
        " ORDER BY u.pid, ifnull(s.date, ''), s.sid",
        [project_id, *values],
    ).fetchall()
    if rank is None:
        return [row["id"] for row in rows]
    by_subject: dict[int, list[int]] = {}
    for row in rows:
        by_subject.setdefault(row["subject_id"], []).append(row["id"])
    return [ids[rank] for ids in by_subject.values() if -len(ids) <= rank < len(ids)]


def _words(selector: str) -> list[str]:
    try:
        words = shlex.split(selector.replace("\\", "\\\\"))
    except ValueError as error:
        raise Invalid(f"selector: {error}", hint="Close the quotes.") from error
    if not words:
        raise Invalid("the selector is empty", hint="Use '*' for all files.")
    return words


def _joined(first: str, second: str) -> bool:
    return first.endswith("&") or second.startswith("&")


def _files(con: sqlite3.Connection, words: Sequence[str]) -> Condition:
    if "&" in words or any("&" in word for word in words):
        return file_condition(con, " ".join(_quoted(word) for word in words), anchored=True)
    parts = [_file_word(con, word) for word in words]
    return " OR ".join(f"({sql})" for sql, _ in parts), [v for _, values in parts for v in values]


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _file_word(con: sqlite3.Connection, word: str) -> Condition:
    name, colon, value = word.partition(":")
    if colon and name.lower() in ("tag", "ftag"):
        return file_condition(con, f'FTAG:"{value}"', anchored=True)
    if "/" in word or word.startswith("*"):
        return pattern_condition(word, anchored=True)
    inside, values = pattern_condition(f"*/{word}", anchored=True)
    direct, more = pattern_condition(word, anchored=True)
    return f"{direct} OR {inside}", [*more, *values]


def _subject(
    con: sqlite3.Connection, project_id: int, selector: str
) -> tuple[str, list[object], int | None]:
    prefix, colon, value = selector.partition(":")
    tag = prefix.lower()
    if colon and tag in ("stag", "ptag", "tag", "notstag", "notptag"):
        name = "PTAG" if tag.endswith("ptag") else "STAG"
        sql, values = study_condition(con, project_id, f'{name}:"{value}"')
        return (f"NOT ({sql})" if tag.startswith("not") else sql), list(values), None
    pid, _, sid = selector.partition("#")
    parts: list[Condition] = [("lower(u.pid) LIKE ? ESCAPE '\\'", [like(pid, anchored=True)])]
    ranked = _RANKED.match(sid)
    if sid and not ranked:
        parts.append(("lower(s.sid) LIKE ? ESCAPE '\\'", [like(sid, anchored=True)]))
    where, values = all_of(parts)
    if not ranked:
        return where, values, None
    n = int(ranked[2] or 0)
    return where, values, (-1 - n if ranked[1] == "LATEST" else n)


def _selected(con: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[SelectedFile]:
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
