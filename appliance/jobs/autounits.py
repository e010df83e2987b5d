"""What a rule is asked about: a study, or a subject; which of them it takes, and why not others."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from appliance.catalog import (
    StudyQuery,
    find_study,
    list_studies,
    parse_condition,
    parse_filter,
    select_studies,
)
from appliance.core import NotFound
from appliance.jobs.autorule_rows import AutoRule

__all__ = ["Unit", "check_filter", "judge", "units_named", "units_of"]

_ALL_AT_ONCE = 20  # more subjects than this: the whole project is filtered once
_STUDIES = (
    "SELECT s.id, s.subject_id, u.pid, u.pid || '#' || s.sid AS psid FROM studies s"
    " JOIN subjects u ON u.id = s.subject_id WHERE s.project_id = ? AND s.trashed_at IS NULL"
    " AND u.trashed_at IS NULL"
)
_GIVEN = (
    "SELECT f.study_id, f.path_id, f.size_bytes, f.mtime_ns FROM json_each(?) w CROSS JOIN files f"
    " ON f.study_id = w.value WHERE f.trashed_at IS NULL AND (f.origin IS NULL"
    " OR f.origin LIKE 'receipt:%' OR f.origin LIKE 'source:%') ORDER BY f.study_id, f.path_id"
)


@dataclass(frozen=True)
class Unit:
    """A study, or a subject with all its studies.

    Attributes
    ----------
    id : int
        Of the study or the subject.
    psid : str
        ``PID#SID``, or ``PID`` for a subject.
    """

    id: int
    psid: str
    subject_id: int
    study_ids: tuple[int, ...]

    def files(self, con: sqlite3.Connection) -> list[tuple[int, ...]]:
        """Give what has come from outside: results of jobs and drawings are left out."""
        rows = con.execute(_GIVEN, (json.dumps(self.study_ids),))
        return [tuple(row) for row in rows]

    def revision(self, con: sqlite3.Connection) -> str:
        """Give a fingerprint of what has come; the same again does not change it."""
        return hashlib.sha256(repr(self.files(con)).encode()).hexdigest()[:24]


def check_filter(text: str) -> None:
    """Check the text of a filter: as in the bar of files, or ``SQL:`` and a condition.

    Raises
    ------
    Invalid
        If it does not parse, with the fact ``position``.
    """
    if _is_condition(text):
        start = text.index(":") + 1
        parse_condition(" " * start + text[start:])
    else:
        parse_filter(text)


def units_of(
    con: sqlite3.Connection, project_id: int, level: str, study_ids: Sequence[int] | None = None
) -> list[Unit]:
    """Give the studies, or their subjects; all of a project without `study_ids`."""
    sql, values = _STUDIES, [project_id]
    if study_ids is not None:
        which = "s.subject_id IN (SELECT subject_id FROM studies WHERE id IN ({}))"
        which = which if level == "subject" else "s.id IN ({})"
        sql += " AND " + which.format("SELECT value FROM json_each(?)")
        values.append(json.dumps(list(study_ids)))  # type: ignore[arg-type]
    rows = con.execute(f"{sql} ORDER BY u.pid, ifnull(s.date, ''), s.sid", values).fetchall()
    if level != "subject":
        return [Unit(r["id"], r["psid"], r["subject_id"], (r["id"],)) for r in rows]
    found: dict[int, list[sqlite3.Row]] = {}
    for row in rows:
        found.setdefault(row["subject_id"], []).append(row)
    return [
        Unit(subject, of[0]["pid"], subject, tuple(r["id"] for r in of))
        for subject, of in found.items()
    ]


def units_named(
    con: sqlite3.Connection, project_id: int, level: str, psids: Iterable[str]
) -> list[Unit]:
    """Give the studies, or subjects, that somebody named as ``PID#SID`` or ``PID``.

    Raises
    ------
    NotFound
        If one of them does not exist.
    """
    ids: list[int] = []
    for psid in psids:
        if "#" in psid:
            ids.append(find_study(con, project_id, psid))
            continue
        rows = con.execute(f"{_STUDIES} AND u.pid = ?", (project_id, psid)).fetchall()
        if not rows:
            raise NotFound(f"no subject {psid!r} in this project")
        ids += [row["id"] for row in rows]
    return units_of(con, project_id, level, ids)


def judge(
    con: sqlite3.Connection, project_id: int, rule: AutoRule, units: Sequence[Unit]
) -> dict[int, str]:
    """Say for each why the rule leaves it out; empty: it takes it."""
    subjects = {unit.subject_id for unit in units}
    wanted = _found(con, project_id, rule.requires, subjects)
    done = _found(con, project_id, rule.done, subjects) if rule.done.strip() else frozenset()
    return {unit.id: _why_not(con, rule, unit, wanted, done or frozenset()) for unit in units}


def _why_not(
    con: sqlite3.Connection,
    rule: AutoRule,
    unit: Unit,
    wanted: Collection[int] | None,
    done: Collection[int],
) -> str:
    if wanted is not None and not any(study in wanted for study in unit.study_ids):
        return f"it does not fit {rule.requires!r}"
    if any(study in done for study in unit.study_ids):
        return f"it is done: it fits {rule.done!r}"
    if rule.min_files > 1 and (n := len(unit.files(con))) < rule.min_files:
        return f"{n} of at least {rule.min_files} files are there"
    return ""


def _found(
    con: sqlite3.Connection, project_id: int, text: str, subjects: Collection[int]
) -> frozenset[int] | None:
    """Give the studies that a filter finds among subjects; None: it finds all."""
    if not text.strip():
        return None
    if _is_condition(text):
        return frozenset(select_studies(con, project_id, text))
    few = len(subjects) <= _ALL_AT_ONCE
    found: set[int] = set()
    for subject in subjects if few else [None]:
        found.update(_pages(con, project_id, StudyQuery(files=text, subject_id=subject)))
    return frozenset(found)


def _is_condition(text: str) -> bool:
    return text.lstrip().upper().startswith("SQL:")


def _pages(con: sqlite3.Connection, project_id: int, query: StudyQuery) -> Iterable[int]:
    after: str | None = None
    while True:
        page = list_studies(
            con,
            project_id,
            StudyQuery(
                files=query.files,
                subject_id=query.subject_id,
                sort="created",
                after=after,
                limit=1000,
            ),
        )
        yield from (row.id for row in page.items)
        after = page.next
        if after is None:
            return
