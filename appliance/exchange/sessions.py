"""What is in the scanner now: the sessions of the last hours beside their project's protocol."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from appliance.core import now_ms
from appliance.exchange.protocol import compare, kept_protocol, missing_series, name_of, series_of
from appliance.exchange.protocol_rows import (
    Deviation,
    PhantomPoint,
    Protocol,
    ProtocolSeries,
    SeriesNow,
    SessionNow,
)

__all__ = ["phantom_trend", "session_now", "sessions_now"]

_HOUR_MS = 3_600_000
_MOST_SESSIONS, _MOST_POINTS = 40, 500
_RECENT = (
    "SELECT s.project_id, p.name AS project, s.pid, s.sid, max(s.created_at) AS at"
    " FROM incoming_series s JOIN projects p ON p.id = s.project_id"
    " WHERE s.created_at >= ? AND p.state <> 'trashed' GROUP BY 1, 3, 4 ORDER BY at DESC LIMIT ?"
)
_OBJECTS = (
    "SELECT i.series_id, count(*) AS n, max(r.updated_at) AS at,"
    " max(r.state = 'receiving') AS receiving, max(i.state = 'quarantined') AS quarantined,"
    " max(r.source) AS source, min(r.created_at) AS begun"
    " FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"
    " WHERE i.series_id IN (SELECT value FROM json_each(?)) AND i.place LIKE 'originals/%'"
    " GROUP BY i.series_id"
)
_STUDY = (
    "SELECT t.id, t.description FROM studies t JOIN subjects u ON u.id = t.subject_id"
    " WHERE t.project_id = ? AND u.pid = ? AND t.sid = ? AND t.trashed_at IS NULL"
)
_PHANTOMS = (
    "SELECT s.pid, s.sid, s.folder, s.facts, e.parameters, e.figures, e.at FROM examined e"
    " JOIN incoming_series s ON s.id = e.series_id WHERE s.project_id = ?"
    " AND json_extract(e.figures, '$.sfnr') IS NOT NULL ORDER BY e.series_id DESC LIMIT ?"
)


def sessions_now(
    con: sqlite3.Connection, hours: float = 12, project_ids: Collection[int] | None = None
) -> list[SessionNow]:
    """Give the sessions to which a series has come in the last hours, the newest first."""
    since = now_ms() - int(hours * _HOUR_MS)
    rows = con.execute(_RECENT, (since, _MOST_SESSIONS)).fetchall()
    return [
        session_now(con, row["project_id"], row["project"], f"{row['pid']}#{row['sid']}")
        for row in rows
        if project_ids is None or row["project_id"] in project_ids
    ]


def session_now(con: sqlite3.Connection, project_id: int, project: str, psid: str) -> SessionNow:
    """Give one session with its series, figures, and what differs from the protocol."""
    rows = series_of(con, project_id, psid)
    ids = msgspec.json.encode([row["id"] for row in rows]).decode()
    objects = {row["series_id"]: row for row in con.execute(_OBJECTS, (ids,))}
    protocol = kept_protocol(con, project_id)
    judged = compare(protocol, rows)
    files = dict(
        con.execute(
            "SELECT series_id, file_id FROM examined"
            " WHERE series_id IN (SELECT value FROM json_each(?))",
            (ids,),
        ).fetchall()
    )
    series = [
        _series(row, objects.get(row["id"]), *judged[row["id"]], files.get(row["id"]))
        for row in rows
    ]
    missing = missing_series(protocol, (found for found, _ in judged.values()))
    pid, _, sid = psid.partition("#")
    study = con.execute(_STUDY, (project_id, pid, sid)).fetchone()
    told = [row for row in objects.values() if row is not None]
    return SessionNow(
        project=project,
        psid=psid,
        study_id=study["id"] if study else None,
        description=(study["description"] or "") if study else "",
        source=told[0]["source"] if told else "",
        station=_station(rows),
        begun_at=min((row["begun"] for row in told), default=rows[0]["created_at"] if rows else 0),
        last_at=max((one.at for one in series), default=0),
        series=series,
        missing=missing,
        verdict=_verdict(protocol, series, missing),
    )


def _series(
    row: Any,
    objects: Any,
    expected: ProtocolSeries | None,
    deviations: list[Deviation],
    file_id: int | None,
) -> SeriesNow:
    return SeriesNow(
        folder=row["folder"],
        number=row["number"],
        description=name_of(row),
        modality=row["modality"],
        n_objects=objects["n"] if objects else 0,
        stage=_stage(row, objects),
        reason=row["reason"],
        expected=expected.name if expected else "",
        deviations=deviations,
        figures=_figures(row),
        file_id=file_id,
        at=max(row["created_at"], objects["at"] if objects else 0),
    )


def _stage(row: Any, objects: Any) -> str:
    if row["state"] == "failed" or (objects and objects["quarantined"]):
        return "quarantined"
    if row["state"] == "waiting":
        return "waiting"
    if objects and objects["receiving"]:
        return "receiving"
    return "catalogued" if row["state"] in ("done", "entered") else "converting"


def _figures(row: Any) -> dict[str, float]:
    return msgspec.json.decode(row["figures"], type=dict[str, float]) if row["figures"] else {}


def _station(rows: Sequence[Any]) -> str:
    for row in rows:
        told = msgspec.json.decode(row["parameters"]) if row["parameters"] else {}
        if told.get("StationName"):
            return str(told["StationName"])
    return ""


def _verdict(protocol: Protocol, series: Sequence[SeriesNow], missing: Sequence[str]) -> str:
    if not protocol.series:
        return "unchecked"
    if missing:
        return "missing"
    return "deviates" if any(one.deviations for one in series) else "ok"


def phantom_trend(con: sqlite3.Connection, project_id: int) -> list[PhantomPoint]:
    """Give the figures of a project's phantom measurements, the oldest first."""
    rows = con.execute(_PHANTOMS, (project_id, _MOST_POINTS)).fetchall()
    points = [
        PhantomPoint(
            psid=f"{row['pid']}#{row['sid']}",
            series=row["folder"],
            station=_station([row]),
            date=str(msgspec.json.decode(row["facts"]).get("date") or ""),
            at=row["at"],
            figures=_figures(row),
        )
        for row in rows
    ]
    return sorted(points, key=lambda point: (point.date, point.at))
