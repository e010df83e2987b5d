"""Lets new images get their preview and their header's facts, as steps of the queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from appliance.core import ApplianceError, DataFolder

if TYPE_CHECKING:
    from appliance.catalog import Catalog
    from appliance.jobs import Queue

__all__ = ["Previews"]

_LOG = logging.getLogger(__name__)
_STEP = "viewing.preview"
_BEHIND_ALL_ELSE = -10


class Previews:
    """Makes previews of images before anybody asks for them.

    Parameters
    ----------
    catalog, folder, queue
        The objects of the appliance.
    """

    def __init__(self, catalog: Catalog, folder: DataFolder, queue: Queue) -> None:
        self._catalog, self._folder, self._queue = catalog, folder, queue
        queue.register_step(_STEP, self._make)

    def ask_for(self, file_ids: Sequence[int]) -> None:
        """Have the previews of some images made soon."""
        for file_id in file_ids:
            self._queue.enqueue(_STEP, file_id, _BEHIND_ALL_ELSE)

    def _make(self, file_id: int) -> None:
        from appliance.catalog import file_path, get_file
        from appliance.viewing import preview_image

        try:
            with self._catalog.read() as con:
                row = get_file(con, file_id)
            preview_image(self._folder, row, file_path(self._folder, row))
        except (ApplianceError, OSError) as error:
            _LOG.info("no preview of file %d: %s", file_id, error)
