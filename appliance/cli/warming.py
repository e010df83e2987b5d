"""Reads new metadata in idle time after an arrival, so that the first question is answered soon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from appliance.core import ApplianceError

if TYPE_CHECKING:
    from appliance.catalog import Catalog, Event, MetaStore
    from appliance.jobs import Queue

__all__ = ["MetaWarmer"]

_LOG = logging.getLogger(__name__)
_STEP = "catalog.metadata"
_BEHIND_PREVIEWS = -20
_SETTLED = frozenset({"done", "partial"})


class MetaWarmer:
    """Brings a project's metadata cache up to date once an arrival for it is through.

    Parameters
    ----------
    catalog, meta, queue
        The objects of the appliance.
    """

    def __init__(self, catalog: Catalog, meta: MetaStore, queue: Queue) -> None:
        self._catalog, self._meta, self._queue = catalog, meta, queue
        queue.register_step(_STEP, self._warm)

    def start(self) -> Callable[[], None]:
        """Begin to listen; gives what ends it."""
        return self._catalog.events.listen(self._hear)

    def _hear(self, event: Event) -> None:
        if event.topic != "receipt.changed" or event.data.get("state") not in _SETTLED:
            return
        with self._catalog.read() as con:
            row = con.execute(
                "SELECT id FROM projects WHERE name = ?", (event.data.get("project"),)
            ).fetchone()
        if row is not None:
            self._queue.enqueue(_STEP, row[0], _BEHIND_PREVIEWS)

    def _warm(self, project_id: int) -> None:
        from appliance.catalog import get_project

        try:
            with self._catalog.read() as con:
                row = con.execute(
                    "SELECT name FROM projects WHERE id = ?", (project_id,)
                ).fetchone()
                project = get_project(con, row[0])
            with self._meta.fresh(project):
                pass
        except ApplianceError as error:
            _LOG.info("the metadata of project %d were not read ahead: %s", project_id, error)
