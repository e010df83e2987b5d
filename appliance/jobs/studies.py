"""Which studies an argument means: references such as this, all, first, ``ANALYSIS#MNI``."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence

from appliance.catalog import Tx, ensure_study, ensure_subject, select_reference
from appliance.core import safe_name
from appliance.jobs.plan import Targets

__all__ = ["ANALYSIS", "analysis_of", "analysis_ref", "ensure_analysis", "studies_for"]

ANALYSIS = "ANALYSIS"
"""The subject whose studies are results over many subjects, not visits."""
_ANALYSIS_REF = re.compile(rf"^{ANALYSIS}#([0-9A-Za-z._+=@-]+)$")
_SIBLINGS = """
SELECT s.id, s.subject_id FROM studies s WHERE s.trashed_at IS NULL AND s.subject_id IN (
  SELECT t.subject_id FROM json_each(?) w CROSS JOIN studies t ON t.id = w.value)
ORDER BY s.subject_id, ifnull(s.date, ''), ifnull(s.time, ''), s.sid
"""


def analysis_ref(name: str) -> str:
    """Give the reference to the study of results that belongs to a name."""
    return f"{ANALYSIS}#{safe_name(name, fallback='batch')}"


def analysis_of(studyref: str) -> str | None:
    """Give the id of the study of results that a reference names; None when it names another."""
    found = _ANALYSIS_REF.match(studyref.strip())
    return found[1] if found else None


def ensure_analysis(tx: Tx, project_id: int, sid: str) -> int:
    """Make a study of results unless it is there."""
    return ensure_study(tx, ensure_subject(tx, project_id, ANALYSIS), sid, description="results")


def studies_for(con: sqlite3.Connection, targets: Targets, studyref: str) -> Sequence[int]:
    """Give the studies that a reference means.

    It is this, all, first, last, ``tagged:NAME`` or NAME for a study tag, or, with a ``#``, a
    selector such as ``ANALYSIS#MNI`` or ``[selectionpatient]#OLDEST``. For a job over many
    subjects all, first, last and tags are looked up for each of them.
    """
    if "#" in studyref or studyref.startswith("[selection"):
        return select_reference(con, studyref, targets.study_ids)
    if studyref in ("this", ""):
        return targets.study_ids
    by_subject = _siblings(con, targets)
    if studyref in ("all", "first", "last"):
        part = {"all": slice(None), "first": slice(1), "last": slice(-1, None)}[studyref]
        return [study for ids in by_subject.values() for study in ids[part]]
    tagged = _tagged(con, studyref.removeprefix("tagged:"))
    return [study for ids in by_subject.values() for study in ids if study in tagged]


def _siblings(con: sqlite3.Connection, targets: Targets) -> dict[int, list[int]]:
    """Give all studies of the subjects of a job, by date."""
    found: dict[int, list[int]] = {}
    for row in con.execute(_SIBLINGS, (json.dumps(list(targets.study_ids)),)):
        found.setdefault(row["subject_id"], []).append(row["id"])
    return found


def _tagged(con: sqlite3.Connection, name: str) -> set[int]:
    rows = con.execute(
        "SELECT x.x_id FROM tags t JOIN study_tags x ON x.tag_id = t.id WHERE t.name = ?",
        (name,),
    )
    return {row[0] for row in rows}
