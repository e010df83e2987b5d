"""Filling in the hashes of files that were taken without reading them twice."""

from __future__ import annotations

from appliance.core import sha256_file
from appliance.exchange.context import Context
from appliance.exchange.receipts import update_items

__all__ = ["hash_items"]

_CHUNK = 200


def hash_items(ctx: Context, receipt_id: int) -> None:
    """Hash what has no hash yet; a step that may be repeated."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT id, place FROM receipt_items WHERE receipt_id = ? AND sha256 IS NULL"
            " AND from_place IS NULL AND (place LIKE 'originals/%' OR place LIKE 'quarantine/%')",
            (receipt_id,),
        ).fetchall()
    for start in range(0, len(rows), _CHUNK):
        changes = []
        for row in rows[start : start + _CHUNK]:
            path = ctx.path(row["place"])
            changes.append((row["id"], {"sha256": sha256_file(path) if path.exists() else ""}))
        ctx.catalog.write(lambda tx, part=changes: update_items(tx, part))  # type: ignore[misc]
