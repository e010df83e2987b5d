"""Converts series of a study again, from the originals that were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import now_ms
from appliance.exchange.context import Context

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["convert_again"]


def convert_again(ctx: Context, study_id: int, series: str = "") -> int:
    """Mark series as ready, as when another object of theirs had come.

    Parameters
    ----------
    study_id : int
        The study.
    series : str
        Its folder, ``*`` any characters and ``_`` one; all series by default.

    Returns
    -------
    int
        How many will be converted; those that are at work already do not count.
    """
    pattern = (series or "*").replace("%", "\\%").replace("*", "%")

    def write(tx: Tx) -> int:
        return tx.con.execute(
            "UPDATE incoming_series SET rev = rev + 1, state = 'ready', reason = '', ready_at = ?"
            " WHERE state IN ('done', 'failed') AND folder LIKE ? ESCAPE '\\' AND (project_id, pid,"
            " sid) IN (SELECT s.project_id, u.pid, s.sid FROM studies s JOIN subjects u"
            " ON u.id = s.subject_id WHERE s.id = ? AND s.trashed_at IS NULL)",
            (now_ms(), pattern, study_id),
        ).rowcount

    return ctx.catalog.write(write)
