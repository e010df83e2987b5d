"""Routes of health and backups."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath

from appliance.web import views
from appliance.web.schemas import Backup, FixDone, Health, Items
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/health", right="reader", within="open", sync_to_thread=True)
def show_health(services: Rooms, who: Who) -> Health:
    """Run all checks; what they found is told to administrators, the others hear how it is."""
    found = views.health(services.upkeep.health())
    return found if who.everywhere else views.without_details(found)


@post("/health/fixes/{fix_id:str}", right="admin", status_code=200, sync_to_thread=True)
def apply_fix(services: Rooms, fix_id: FromPath[str]) -> FixDone:
    """Do a repair that a check offered; the answer says what was done."""
    return FixDone(services.upkeep.fix(fix_id))


@get("/backups", right="admin", sync_to_thread=True)
def list_backups(services: Rooms) -> Items[Backup]:
    """List the backups, newest first."""
    return views.items(services.upkeep.backups(), views.backup)


@post("/backups", right="admin", status_code=202, sync_to_thread=True)
def make_backup(services: Rooms) -> Backup:
    """Make a backup now; the answer comes when it has been verified."""
    return views.backup(services.upkeep.backup())


ROUTES = [show_health, apply_fix, list_backups, make_backup]
