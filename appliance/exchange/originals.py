"""The kept DICOM objects behind an image of the catalog."""

from __future__ import annotations

from pathlib import Path

from appliance.exchange.context import Context

__all__ = ["originals_of"]


def originals_of(ctx: Context, file_id: int) -> list[Path]:
    """Give the objects of the series that an image was converted from; none when it was not."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT i.place FROM files f JOIN series s ON s.id = f.series_id"
            " JOIN incoming_series c ON c.key = s.key"
            " JOIN receipt_items i ON i.series_id = c.id"
            " WHERE f.id = ? AND i.place LIKE 'originals/%' ORDER BY i.id",
            (file_id,),
        ).fetchall()
    return [ctx.path(row["place"]) for row in rows]
