"""Series of a project with the objects that are kept of them, as they may be sent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import msgspec

from appliance.exchange.push_values import NewPush

__all__ = ["SeriesOut", "originals", "series_keys", "series_out"]


class SeriesOut(msgspec.Struct, frozen=True, kw_only=True):
    """A series with the places of its objects, relative to the data folder."""

    key: str
    pid: str
    psid: str
    study_uid: str
    what: str
    places: list[str]


def series_out(con: sqlite3.Connection, project: str, *, keys: Sequence[str]) -> list[SeriesOut]:
    """Give series by their keys; those of which nothing is kept are left out."""
    rows = con.execute(
        "SELECT c.key, coalesce(b.pid, c.pid) AS pid, coalesce(t.sid, c.sid) AS sid, c.study_uid,"
        " c.modality, c.folder, i.place FROM incoming_series c"
        " JOIN projects p ON p.id = c.project_id AND p.name = ?"
        " LEFT JOIN series s ON s.key = c.key LEFT JOIN studies t ON t.id = s.study_id"
        " LEFT JOIN subjects b ON b.id = t.subject_id"
        " JOIN receipt_items i ON i.series_id = c.id AND i.place LIKE 'originals/%'"
        " WHERE c.key IN (SELECT value FROM json_each(?))"
        " GROUP BY c.id, i.place ORDER BY c.number, c.id, min(i.id)",
        (project, json.dumps(list(keys))),
    )
    found: dict[str, SeriesOut] = {}
    for row in rows:
        found.setdefault(row["key"], _series(row)).places.append(row["place"])
    return list(found.values())


def series_keys(con: sqlite3.Connection, studies: Sequence[int], files: Sequence[int]) -> list[str]:
    """Give the keys of all series of studies, and of those that files were converted from."""
    rows = con.execute(
        "SELECT c.key FROM incoming_series c JOIN studies t ON t.sid = c.sid"
        " JOIN subjects b ON b.id = t.subject_id AND b.pid = c.pid AND b.project_id = c.project_id"
        " WHERE t.id IN (SELECT value FROM json_each(?1)) UNION"
        " SELECT s.key FROM series s WHERE s.study_id IN (SELECT value FROM json_each(?1)) UNION"
        " SELECT s.key FROM files f JOIN series s ON s.id = f.series_id"
        " WHERE f.id IN (SELECT value FROM json_each(?2))",
        (json.dumps(list(studies)), json.dumps(list(files))),
    )
    return [str(row[0]) for row in rows]


def originals(one: SeriesOut, *, new_study: bool = False) -> NewPush:
    """Give the push of a series' kept objects."""
    return NewPush(
        kind="originals",
        pid=one.pid,
        psid=one.psid,
        study_uid=one.study_uid,
        what=one.what,
        places=one.places,
        new_study=new_study,
    )


def _series(row: sqlite3.Row) -> SeriesOut:
    return SeriesOut(
        key=row["key"],
        pid=row["pid"],
        psid=f"{row['pid']}#{row['sid']}",
        study_uid=row["study_uid"],
        what=f"{row['folder']} ({row['modality']})" if row["modality"] else row["folder"],
        places=[],
    )
