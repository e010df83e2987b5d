"""The objects that pulls brought, as they came; they say who the patients are."""

from __future__ import annotations

import json
from pathlib import Path

from appliance.core import NotFound
from appliance.exchange.context import Context
from appliance.exchange.pacs_rows import PullRow, list_pulls

__all__ = ["raw_objects"]

# Those of its series, whichever arrival brought them, and what of its arrivals has no series.
_PLACES = (
    "SELECT i.place, min(i.id) AS first FROM receipt_items i WHERE i.place LIKE '%.dcm' AND ("
    "i.series_id IN (SELECT id FROM incoming_series WHERE project_id = ?1 AND study_uid = ?2"
    " AND ?3 IN ('', series_uid)) OR i.receipt_id IN (SELECT id FROM receipts"
    " WHERE project_id = ?1 AND key IN (SELECT value FROM json_each(?4))))"
    " GROUP BY i.place ORDER BY first"
)


def raw_objects(
    ctx: Context, project: str, *, batch: str = "", key: str = ""
) -> list[tuple[str, Path]]:
    """Give the objects of pulls, each with a name that tells nobody's.

    Parameters
    ----------
    batch : str
        What was asked for together.
    key : str
        Of one pull, in place of `batch`.

    Raises
    ------
    NotFound
        If there are no such pulls, or none of their objects is kept.
    """
    from appliance.catalog import get_project

    with ctx.catalog.read() as con:
        rows = list_pulls(con, get_project(con, project).id, batch=batch, limit=-1)
        pulls = [one for one in rows if (batch or key) and key in ("", one.key)]
        if not pulls:
            raise NotFound("no such pulls")
        found: list[tuple[str, Path]] = []
        for pull in reversed(pulls):
            paths = [ctx.path(row["place"]) for row in con.execute(_PLACES, _asked(pull))]
            kept = [path for path in paths if path.is_file()]
            found += [(f"{_folder(pull)}/{n:06d}.dcm", path) for n, path in enumerate(kept, 1)]
    if not found:
        raise NotFound("none of their DICOM objects is kept", hint="Pull them again.")
    return found


def _asked(pull: PullRow) -> tuple[int, str, str, str]:
    return pull.project_id, pull.study_uid, pull.series_uid, json.dumps(pull.receipts)


def _folder(pull: PullRow) -> str:
    parts = [pull.modality, "" if pull.number is None else str(pull.number), pull.key[-6:]]
    return "_".join(part for part in parts if part.isalnum())
