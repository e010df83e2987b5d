"""What the entries of an autoloader mean for one case, and how the cases of a cohort are rated."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from appliance import catalog
from appliance.catalog import FileRow, SelectedFile
from appliance.core import ApplianceError, Invalid, NotFound
from appliance.viewing.presets import CaseLevel, Entry, pattern_of

__all__ = ["Case", "Found", "RatedCase", "case_files", "case_ratings", "find_case"]

_SHOWN = frozenset({"image", "mask", "labels", "surface", "streamlines"})
_ANNOTATIONS = (".ano.json", ".fcsv", ".mrk.json")
_MOST_FILES = 12
_MOST_CASES = 5000
_STUDIES = (
    "SELECT s.id, s.sid, u.id AS subject_id, u.pid FROM studies s"
    " JOIN subjects u ON u.id = s.subject_id WHERE u.project_id = ?"
    " AND s.trashed_at IS NULL AND u.trashed_at IS NULL AND {}"
    " ORDER BY u.pid, ifnull(s.date, ''), ifnull(s.time, ''), s.sid"
)
_ATTRIBUTE = re.compile(r"^[A-Za-z]+:")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A study, or a subject with all its studies.

    `study_id` is the study that new files go to: the case itself, or the subject's latest one.
    """

    name: str
    is_subject: bool
    subject_id: int
    study_id: int
    studies: list[int]

    @property
    def id(self) -> int:
        """Of the subject or study."""
        return self.subject_id if self.is_subject else self.study_id


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one entry: the first ones, how many there are, and what a missing one is named.

    `wanted` is empty unless the entry asks for a file to be made.
    """

    files: list[FileRow]
    n: int
    wanted: str
    problem: str


class RatedCase(msgspec.Struct, frozen=True, kw_only=True):
    """What a rating is set on, by level and id (null: there is no such file), and its tags.

    `file_id` is the first file of the entry that was asked for, the picture of the case.
    """

    case: str
    level: str
    id: int | None
    file_id: int | None
    tags: list[str]


def find_case(
    con: sqlite3.Connection, project_id: int, name: str, level: CaseLevel = "auto"
) -> Case:
    """Give a case by ``PID`` or ``PID#SID``.

    Parameters
    ----------
    level : {"auto", "patient", "study"}
        What one case is; of a subject on its own, level study means its latest study.

    Raises
    ------
    NotFound
        If there is none.
    """
    pid, _, sid = name.partition("#")
    rows = con.execute(_STUDIES.format("u.pid = ?"), (project_id, pid)).fetchall()
    chosen = [row for row in rows if row["sid"] == sid] if sid else rows[-1:]
    if not chosen:
        raise NotFound(f"there is no case {name!r} in this project")
    return _case(rows, chosen[0], is_subject=level == "patient" or (level == "auto" and not sid))


def case_files(
    con: sqlite3.Connection, project_id: int, case: Case, entries: Sequence[Entry], login: str
) -> list[Found]:
    """Give what each entry means for a case; an entry that is switched off means nothing."""
    return [
        _found(con, project_id, case, entry, login)
        if entry.enabled
        else Found(files=[], n=0, wanted="", problem="")
        for entry in entries
    ]


def case_ratings(
    con: sqlite3.Connection,
    project_id: int,
    names: Sequence[str],
    tags: Sequence[str],
    *,
    level: CaseLevel = "auto",
    entry: Entry | None = None,
    of_file: bool = False,
    login: str = "",
) -> list[RatedCase]:
    """Give which of some tags cases carry, or (`of_file`) the first file of an entry in each.

    Raises
    ------
    Invalid
        If these are too many cases, or files are rated and no entry says which.
    """
    if len(names) > _MOST_CASES:
        raise Invalid(f"at most {_MOST_CASES} cases are rated together")
    if of_file and entry is None:
        raise Invalid("an entry says which file of each case is rated")
    cases = _cases(con, project_id, names, level)
    files = {} if entry is None else _first_files(con, project_id, cases, entry, login)
    rated = [("file", files.get(one.name)) if of_file else (_level(one), one.id) for one in cases]
    carried = _carried(con, [(kind, i) for kind, i in rated if i is not None])
    wanted = {tag.casefold() for tag in tags}
    return [
        RatedCase(
            case=case.name,
            level=kind,
            id=i,
            file_id=files.get(case.name),
            tags=[tag for tag in carried.get((kind, i or 0), []) if tag.casefold() in wanted],
        )
        for case, (kind, i) in zip(cases, rated, strict=True)
    ]


def _case(rows: Sequence[sqlite3.Row], row: sqlite3.Row, *, is_subject: bool) -> Case:
    """A case of a subject's studies; in it the latest study takes what is made anew."""
    return Case(
        name=row["pid"] if is_subject else f"{row['pid']}#{row['sid']}",
        is_subject=is_subject,
        subject_id=row["subject_id"],
        study_id=rows[-1]["id"] if is_subject else row["id"],
        studies=[one["id"] for one in rows] if is_subject else [row["id"]],
    )


def _cases(
    con: sqlite3.Connection, project_id: int, names: Sequence[str], level: CaseLevel
) -> list[Case]:
    """Find many cases at once; those that are gone are left out."""
    pids = json.dumps(sorted({name.partition("#")[0] for name in names}))
    sql = _STUDIES.format("u.pid IN (SELECT value FROM json_each(?))")
    of_subject: dict[str, list[sqlite3.Row]] = {}
    for row in con.execute(sql, (project_id, pids)):
        of_subject.setdefault(row["pid"], []).append(row)
    found: dict[str, Case] = {}
    for name in names:
        pid, _, sid = name.partition("#")
        rows = of_subject.get(pid, [])
        chosen = [row for row in rows if row["sid"] == sid] if sid else rows[-1:]
        if chosen:
            whole = level == "patient" or (level == "auto" and not sid)
            case = _case(rows, chosen[0], is_subject=whole)
            found.setdefault(case.name, case)
    return list(found.values())


def _found(con: sqlite3.Connection, project_id: int, case: Case, entry: Entry, login: str) -> Found:
    try:
        chosen = _matches(con, project_id, case.studies, entry, login)
    except ApplianceError as error:
        return Found(files=[], n=0, wanted="", problem=str(error))
    most = _MOST_FILES if entry.intent.onmultimatches == "loadall" else 1
    return Found(
        files=[catalog.get_file(con, one.file_id) for one in chosen[:most]],
        n=len(chosen),
        wanted="" if chosen else _wanted(entry, login),
        problem="",
    )


def _matches(
    con: sqlite3.Connection, project_id: int, studies: Sequence[int], entry: Entry, login: str
) -> list[SelectedFile]:
    reference = entry.studies.strip()
    scope = catalog.select_reference(con, reference, studies) if reference else list(studies)
    chosen = catalog.select(con, project_id, pattern_of(entry, login), studies=scope)
    return [one for one in chosen if _fits(one, entry)]


def _fits(one: SelectedFile, entry: Entry) -> bool:
    """A pattern of images does not mean the JSON beside them, and the other way round."""
    if entry.intent.annotation:
        return one.path.endswith(_ANNOTATIONS)
    return one.kind in _SHOWN


def _wanted(entry: Entry, login: str) -> str:
    """Path of the file that is made because it is missing, or nothing."""
    intent = entry.intent
    if intent.annotation:
        if intent.autocreate_ano is None:
            return ""
        stem = _stem(entry, login, intent.autocreate_ano.name or "annotation")
        return "annotations/" + re.sub(r"(\.ano)?\.json$", "", stem) + ".ano.json"
    if not intent.roi or intent.autocreateroi is None:
        return ""
    stem = _stem(entry, login, "roi")
    return stem if re.search(r"\.nii(\.gz)?$", stem) else f"{stem}.nii.gz"


def _stem(entry: Entry, login: str, usual: str) -> str:
    """Name in an entry, or its pattern without wildcards."""
    if entry.intent.name:
        return entry.intent.name.replace("$USER", login)
    words = [word.strip('"') for word in pattern_of(entry, login).split() if word != "&"]
    path = next((word for word in words if not _ATTRIBUTE.match(word)), "").removeprefix("./")
    plain = re.sub(r"\\([*_\\])|\*+", lambda found: found[1] or "", path)
    name = plain.rpartition("/")[2]
    if entry.intent.annotation:
        plain = name
    return plain if re.sub(r"(\.ano)?\.\w+(\.gz)?$", "", name) else usual


def _first_files(
    con: sqlite3.Connection, project_id: int, cases: Sequence[Case], entry: Entry, login: str
) -> dict[str, int]:
    if entry.studies.strip():
        raise Invalid(
            "a file of other studies cannot be rated", hint="Let the first entry be of the case."
        )
    owner = {study: case.name for case in cases for study in case.studies}
    found: dict[str, int] = {}
    for one in _matches(con, project_id, list(owner), entry, login):
        found.setdefault(owner[one.study_id], one.file_id)
    return found


def _level(case: Case) -> str:
    return "subject" if case.is_subject else "study"


def _carried(
    con: sqlite3.Connection, rated: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], list[str]]:
    """Give the tags of what is rated, by level and id."""
    by_level: dict[str, list[int]] = {}
    for level, i in rated:
        by_level.setdefault(level, []).append(i)
    return {
        (level, i): tags
        for level, ids in by_level.items()
        for i, tags in catalog.tags_of(con, level, ids).items()
    }
