"""Which images of a subject a DICOM document of ROIs was drawn on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from appliance.exchange.context import Context

if TYPE_CHECKING:
    from appliance.catalog import FileRow
    from appliance.formats import RoiReferences

__all__ = ["image_of_rois", "referred_images", "referred_series"]

_ASKED = 50


def referred_series(
    con: sqlite3.Connection, project_id: int, pid: str, told: RoiReferences
) -> list[str]:
    """Give the SeriesInstanceUIDs that a document refers to.

    One that names no series is asked for its objects, among those that the subject has.
    """
    if told.series_uids or not told.sop_uids:
        return list(told.series_uids)
    marks = ",".join("?" * len(told.sop_uids[:_ASKED]))
    rows = con.execute(
        "SELECT DISTINCT s.series_uid FROM receipt_items i JOIN incoming_series s"
        f" ON s.id = i.series_id WHERE s.project_id = ? AND s.pid = ? AND i.sop_uid IN ({marks})",
        (project_id, pid, *told.sop_uids[:_ASKED]),
    )
    return [str(row[0]) for row in rows]


def referred_images(
    con: sqlite3.Connection, project_id: int, pid: str, series_uids: Sequence[str]
) -> list[FileRow]:
    """Give the images of a subject that were converted from series, those of the latest first."""
    from appliance.catalog import get_file

    marks = ",".join("?" * len(series_uids))
    rows = con.execute(
        "SELECT f.id FROM files f JOIN series s ON s.id = f.series_id"
        " JOIN studies t ON t.id = s.study_id JOIN subjects u ON u.id = t.subject_id"
        " WHERE t.project_id = ? AND u.pid = ? AND f.kind = 'image' AND f.trashed_at IS NULL"
        f" AND t.trashed_at IS NULL AND s.series_uid IN ({marks}) ORDER BY s.id DESC, f.id",
        (project_id, pid, *series_uids),
    ).fetchall()
    return [get_file(con, int(row[0])) for row in rows]


def image_of_rois(ctx: Context, document: FileRow) -> FileRow | None:
    """Give the image that a document in a study refers to, if it is here."""
    from appliance.catalog import file_path
    from appliance.formats import roi_references

    told = roi_references(file_path(ctx.folder, document))
    if told is None:
        return None
    with ctx.catalog.read() as con:
        owner = document.project_id, document.pid
        images = referred_images(con, *owner, referred_series(con, *owner, told))
    return images[0] if images else None
