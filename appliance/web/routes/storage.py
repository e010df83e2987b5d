"""Routes of what the data folder takes on disk, and of freeing what may go."""

from __future__ import annotations

from litestar import get, post
from litestar.params import JSONBody

from appliance import jobs, upkeep, viewing
from appliance.core import iso
from appliance.web.schemas import StorageFacts, StorageFree, StorageFreed
from appliance.web.services import Rooms, Services

__all__ = ["ROUTES"]

_DAYS = 30  # where the settings keep the trash for ever


@get("/storage", right="admin", sync_to_thread=True)
def show_storage(services: Rooms) -> StorageFacts:
    """Give what the data folder takes, as it was measured last."""
    return _view(services)


@post("/storage/measure", right="admin", status_code=200, sync_to_thread=True)
def measure_storage(services: Rooms) -> StorageFacts:
    """Measure now; with many files it takes some seconds."""
    _measure(services)
    return _view(services)


@post("/storage/free", right="admin", status_code=200, sync_to_thread=True)
def free_storage(services: Rooms, data: JSONBody[StorageFree]) -> StorageFreed:
    """Free what is not needed any more, as is done every day, and measure again."""
    done = _free(services, data)
    _measure(services)
    return StorageFreed(done)


def _free(services: Services, data: StorageFree) -> int:
    catalog, folder = services.catalog, services.folder
    if data.what == "cache":
        return viewing.shrink_cache(folder, 0)
    if data.what == "jobs":
        return jobs.purge_jobs(catalog, folder, data.days)
    return upkeep.sweep_trash(catalog, folder, data.days)


def _measure(services: Services) -> None:
    trash_days, jobs_days = _ages(services)
    upkeep.measure(
        services.catalog, services.folder, trash_days=trash_days or _DAYS, jobs_days=jobs_days
    )


def _ages(services: Services) -> tuple[int, int]:
    return services.settings.trash.keep_days, services.settings.jobs.keep_days


def _view(services: Services) -> StorageFacts:
    with services.catalog.read() as con:
        found = upkeep.storage_view(con, services.folder)
    trash_days, jobs_days = _ages(services)
    return StorageFacts(
        measured_at=None if found.measured_at is None else iso(found.measured_at),
        disk_bytes=found.disk_bytes,
        free_bytes=found.free_bytes,
        parts=found.parts,
        projects=found.projects,
        growth=found.growth,
        trash_days=trash_days,
        jobs_days=jobs_days,
    )


ROUTES = [show_storage, measure_storage, free_storage]
