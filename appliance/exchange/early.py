"""Series of a drop that are whole go on while the rest of the drop is still being taken.

Only what is certain counts: the headers of all files that are still to come were read while they
settled, and none of them belongs to the series. A file that was changed since makes its series
convert again, as a late one does. What is in doubt is left to the step that sorts the whole drop.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.core import StorageError
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.dicom_sort import Arrival
from appliance.exchange.names import is_archive
from appliance.exchange.routing import open_routes
from appliance.exchange.sort import arrival_of, finish_moves, sort_taken

__all__ = ["Early"]

_LOG = logging.getLogger(__name__)
_PARAVISION = "/2dseq"  # of a study whose files belong together, DICOM objects among them
_BEGUN = "SELECT 1 FROM receipt_items WHERE receipt_id = ? AND state NOT IN ('expected', 'failed')"


class Early:
    """Sorts the objects of one arrival part by part, and sends whole series to be converted.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    receipt_id : int
        Of the arrival.
    """

    def __init__(self, ctx: Context, receipt_id: int) -> None:
        self._ctx, self._receipt_id = ctx, receipt_id
        self._last: dict[str, int] = {}  # last item of each series that is known
        self._doubtful = 0  # last item of which nothing is known
        self._arrival: Arrival | None = None

    def expect(self, sources: Mapping[int, str]) -> None:
        """See what is known of the files that will be taken."""
        if any(is_archive(path) or path.endswith(_PARAVISION) for path in sources.values()):
            return  # what they hold is known only when all of it is here
        found = self._ctx.ahead.series_of(sources.values())
        for item_id, uid in zip(sources, found, strict=True):
            if uid is None:
                self._doubtful = item_id
            else:
                self._last[uid] = item_id
        if self._last:
            self._arrival = self._open()

    def taken(self, item_ids: Sequence[int]) -> None:
        """Sort what is here, and let go what is whole.

        Raises
        ------
        StorageError
            If the disk is full or gone.
        """
        if self._arrival is None:
            return
        try:
            sort_taken(self._ctx, self._arrival, item_ids)
            crash_point("early.decided")
            whole = self._whole(item_ids[-1])
            if whole:
                finish_moves(self._ctx, self._receipt_id, whole)
                crash_point("early.moved")
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 - the step that sorts the whole drop meets it, and tells
            _LOG.exception("objects could not be sorted before the rest of their drop")
            self._arrival = None

    def _open(self) -> Arrival | None:
        """Give what sorting works with; None where rules may lead it elsewhere, or some is here."""
        with self._ctx.catalog.read() as con:
            if open_routes(con) or con.execute(_BEGUN, (self._receipt_id,)).fetchone():
                return None
            row: Any = con.execute(
                "SELECT r.*, p.name AS project FROM receipts r JOIN projects p"
                " ON p.id = r.project_id WHERE r.id = ?",
                (self._receipt_id,),
            ).fetchone()
        return arrival_of(self._ctx, row)[0]

    def _whole(self, done: int) -> set[int]:
        """Give the series of which nothing more comes after an item."""
        if self._doubtful > done:
            return set()
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                "SELECT DISTINCT s.id, s.series_uid FROM receipt_items i JOIN incoming_series s"
                " ON s.id = i.series_id WHERE i.receipt_id = ? AND i.state = 'sorted'"
                " AND i.from_place IS NOT NULL",
                (self._receipt_id,),
            ).fetchall()
        return {row["id"] for row in rows if self._last.get(row["series_uid"], 0) <= done}
