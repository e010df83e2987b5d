"""The originals of a project as DICOMweb sees them: series, and the objects of each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

__all__ = ["KeptSeries", "kept_series", "places_of_series"]


class KeptSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A series of which objects are kept; UIDs as they are, and as the caller sees them.

    Attributes
    ----------
    first : str
        Place of one of its objects.
    """

    id: int
    pid: str
    study_uid: str
    series_uid: str
    shown_study: str
    shown_series: str
    modality: str
    n_objects: int
    first: str


_SELECT = (
    "SELECT c.id, coalesce(b.pid, c.pid) AS pid, c.study_uid, c.series_uid, c.modality,"
    " count(DISTINCT i.place) AS n_objects, min(i.place) AS first FROM incoming_series c"
    " LEFT JOIN series s ON s.key = c.key LEFT JOIN studies t ON t.id = s.study_id"
    " LEFT JOIN subjects b ON b.id = t.subject_id"
    " JOIN receipt_items i ON i.series_id = c.id AND i.place LIKE 'originals/%'"
    " AND i.from_place IS NULL"
    " WHERE c.project_id = ? AND t.trashed_at IS NULL AND b.trashed_at IS NULL"
    " GROUP BY c.id ORDER BY c.id"
)


def kept_series(
    con: sqlite3.Connection, project_id: int, shown: Callable[[str], str]
) -> list[KeptSeries]:
    """Give all series of a project, those that came first first.

    Parameters
    ----------
    shown : callable
        Gives the form of a UID that the caller sees.
    """
    return [
        KeptSeries(
            **dict(row), shown_study=shown(row["study_uid"]), shown_series=shown(row["series_uid"])
        )
        for row in con.execute(_SELECT, (project_id,))
    ]


def places_of_series(
    con: sqlite3.Connection, series_ids: Sequence[int]
) -> list[tuple[int, str, str]]:
    """Give series, place and SOPInstanceUID of the objects of series, in the order they came."""
    found: list[tuple[int, str, str]] = []
    for series_id in series_ids:
        rows = con.execute(
            "SELECT place, max(sop_uid) AS sop_uid FROM receipt_items WHERE series_id = ?"
            " AND place LIKE 'originals/%' AND from_place IS NULL GROUP BY place ORDER BY min(id)",
            (series_id,),
        )
        found += [(series_id, row["place"], row["sop_uid"] or "") for row in rows]
    return found
