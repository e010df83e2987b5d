"""The images of some studies, with what is known of each, in groups that one rule stands for."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from appliance.catalog import path_sql
from appliance.exchange.bids_guess import SeriesFacts
from appliance.exchange.names import suffix_of

__all__ = ["Candidate", "Visit", "candidates", "is_exportable", "visits"]

_VISITS = (
    "SELECT s.id, s.sid, s.date, s.age_years, u.id AS subject_id, u.pid, u.sex FROM studies s"
    " JOIN subjects u ON u.id = s.subject_id WHERE s.project_id = ? AND s.trashed_at IS NULL"
    " ORDER BY u.pid, s.date IS NULL, s.date, s.sid"
)
_FILES = (
    f"SELECT f.id, f.study_id, f.kind, f.size_bytes, f.header, f.origin,"
    f" {path_sql()} AS path, r.number, r.description, r.protocol, r.modality, m.doc,"
    " (SELECT json_group_array(t.name) FROM file_tags x JOIN tags t ON t.id = x.tag_id"
    "  WHERE x.x_id = f.id) AS tags"
    " FROM files f JOIN paths p ON p.id = f.path_id JOIN studies s ON s.id = f.study_id"
    " JOIN subjects u ON u.id = s.subject_id LEFT JOIN series r ON r.id = f.series_id"
    " LEFT JOIN meta m ON m.file_id = f.id AND f.kind = 'json'"
    " WHERE f.study_id = ? AND f.trashed_at IS NULL"
    f" ORDER BY r.number IS NULL, r.number, {path_sql()}"
)
_COMPANIONS = (".json", ".bval", ".bvec", ".tsv")
_IMAGES = (".nii", ".nii.gz")


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One study, and its place among those of its subject, counted from 1."""

    id: int
    subject_id: int
    pid: str
    sid: str
    sex: str | None
    age_years: float | None
    n: int
    n_of_subject: int


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One image that may be exported.

    Attributes
    ----------
    source : str
        Name of the group it belongs to; rules of a mapping stand for one each.
    companions : dict
        Files of the same stem by extension: id and path.
    """

    file_id: int
    study_id: int
    path: str
    size_bytes: int
    number: int | None
    source: str
    facts: SeriesFacts
    companions: dict[str, tuple[int, str]]

    @property
    def extension(self) -> str:
        """Such as ``.nii.gz``."""
        return suffix_of(self.path)


def visits(con: sqlite3.Connection, project_id: int) -> list[Visit]:
    """Give all studies of a project, in the order in which a subject had them."""
    rows = con.execute(_VISITS, (project_id,)).fetchall()
    total: dict[str, int] = {}
    for row in rows:
        total[row["pid"]] = total.get(row["pid"], 0) + 1
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        seen[row["pid"]] = seen.get(row["pid"], 0) + 1
        names = ("id", "subject_id", "pid", "sid", "sex", "age_years")
        found.append(
            Visit(
                **{name: row[name] for name in names},
                n=seen[row["pid"]],
                n_of_subject=total[row["pid"]],
            )
        )
    return found


def candidates(con: sqlite3.Connection, study_ids: Iterable[int]) -> list[Candidate]:
    """Give the images of studies with their companions."""
    return [one for i in study_ids for one in _of_study(con.execute(_FILES, (i,)).fetchall())]


def _of_study(rows: Sequence[sqlite3.Row]) -> list[Candidate]:
    by_stem: dict[str, dict[str, sqlite3.Row]] = {}
    for row in rows:
        extension = suffix_of(row["path"])
        if extension in _COMPANIONS:
            stem = row["path"][: len(row["path"]) - len(extension)]
            by_stem.setdefault(stem, {})[extension] = row
    return [_candidate(row, by_stem) for row in rows if _counts(row)]


def _counts(row: sqlite3.Row) -> bool:
    """Images; and tables of events of a dataset that came as BIDS."""
    name = row["path"].rpartition("/")[2]
    events = name.startswith("sub-") and name.endswith("_events.tsv")
    return events or row["kind"] in ("image", "labels")


def _candidate(row: sqlite3.Row, by_stem: dict[str, dict[str, sqlite3.Row]]) -> Candidate:
    extension = suffix_of(row["path"])
    beside = by_stem.get(row["path"][: len(row["path"]) - len(extension)], {})
    sidecar = beside.get(".json")
    doc = json.loads(sidecar["doc"]) if sidecar is not None and sidecar["doc"] else {}
    header = json.loads(row["header"]) if row["header"] else {}
    facts = SeriesFacts(
        path=row["path"],
        kind=row["kind"],
        description=row["description"] or "",
        protocol=row["protocol"] or "",
        modality=row["modality"] or "",
        n_volumes=int(header.get("n_volumes") or 1),
        tags=json.loads(row["tags"]),
        sidecar=doc if isinstance(doc, dict) else {},
        has_bvals={".bval", ".bvec"} <= set(beside),
        is_made=(row["origin"] or "").startswith("attempt:"),
    )
    return Candidate(
        file_id=row["id"],
        study_id=row["study_id"],
        path=row["path"],
        size_bytes=row["size_bytes"],
        number=row["number"],
        source=_source(row, facts),
        facts=facts,
        companions={ext: (one["id"], one["path"]) for ext, one in beside.items()},
    )


def _source(row: Any, facts: SeriesFacts) -> str:
    """Name the group: series and file name without numbers, or the rest of a BIDS name."""
    folder, _, name = str(row["path"]).rpartition("/")
    if name.startswith("sub-"):
        parts = [p for p in name.split("_") if not p.startswith(("sub-", "ses-", "run-"))]
        return f"{folder}/{'_'.join(parts)}".lstrip("/")
    series = facts.protocol or facts.description or re.sub(r"_\d+$", "", folder)
    return f"{series}/{re.sub(r'[0-9]+', '*', name)}".lstrip("/")


def is_exportable(path: str) -> bool:
    """Tell whether a file is an image as BIDS takes them, or a table."""
    return suffix_of(path) in (*_IMAGES, ".tsv")
