"""Studies that a caller names: exactly, or by a subject selector."""

from __future__ import annotations

from collections.abc import Sequence

from appliance import catalog
from appliance.core import NotFound

__all__ = ["study_ids"]


def study_ids(con: catalog.Reader, project_id: int, psids: Sequence[str]) -> list[int] | None:
    """Give the ids of studies named ``PID#SID``, else read each name as a subject selector.

    Returns
    -------
    list of int or None
        None when nothing was named: all studies.
    """
    if not psids:
        return None
    ids: dict[int, None] = {}
    for psid in psids:
        try:
            ids[catalog.find_study(con, project_id, psid)] = None
        except NotFound:
            ids.update(dict.fromkeys(catalog.select_studies(con, project_id, psid)))
    return list(ids)
