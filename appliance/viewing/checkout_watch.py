"""Notices what other programs save into work folders, and checks it in."""

from __future__ import annotations

import logging
import threading

from appliance.catalog import Catalog, grants_of
from appliance.core import ApplianceError, DataFolder
from appliance.viewing.checkin import check_in
from appliance.viewing.checkout import Checkout, changed_file, list_checkouts, stamps_of
from appliance.viewing.saving import Limits

__all__ = ["CheckoutWatcher"]

_LOG = logging.getLogger(__name__)
_LOOK_S = 1.5


class CheckoutWatcher:
    """Looks into the work folders of files that are checked out, for as long as it runs.

    What was written is checked in once two looks in a row find it the same; what cannot be is told
    in its note, and tried again when it is written again. Who may no longer edit the project saves
    nothing.
    """

    def __init__(self, catalog: Catalog, folder: DataFolder, limits: Limits) -> None:
        self._catalog, self._folder, self._limits = catalog, folder, limits
        self._before: dict[str, dict[str, str]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="checkouts", daemon=True)

    def start(self) -> None:
        """Begin, with what was saved while the service was off."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present look."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> int:
        """Check in what has come to rest; count it."""
        found = list_checkouts(self._folder)
        now = {one.key: stamps_of(self._folder, one) for one in found}
        resting = [one for one in found if self._before.get(one.key) == now[one.key]]
        self._before = now
        return sum(self._take(one) for one in resting)

    def _take(self, one: Checkout) -> bool:
        changed = changed_file(self._folder, one)
        if changed is None or one.tried == f"{changed.name} {self._before[one.key][changed.name]}":
            return False
        if not self._may_edit(one):
            return False
        try:
            check_in(self._catalog, self._folder, self._limits, one.key, actor=one.actor)
        except ApplianceError as error:
            _LOG.warning("checkout %s stays as it is: %s", one.key, error.key)
            return False
        return True

    def _may_edit(self, one: Checkout) -> bool:
        """Tell whether who took it may still edit the project, and there is one."""
        with self._catalog.read() as con:
            user = con.execute(
                "SELECT id, is_admin FROM users WHERE login = ? AND disabled_at IS NULL",
                (one.actor,),
            ).fetchone()
            project = con.execute(
                "SELECT id FROM projects WHERE name = ?", (one.project,)
            ).fetchone()
            if user is None or project is None:
                return False
            held = grants_of(con, user["id"]).get(project["id"], frozenset())
        return bool(user["is_admin"]) or "editor" in held

    def _loop(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the outer loop: logged, the next look tries again
                _LOG.exception("the work folders could not be looked at")
