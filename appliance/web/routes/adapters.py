"""Routes of the clusters that jobs are handed to."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath

from appliance.web import clusters
from appliance.web.schemas import Adapter, Items, Probed
from appliance.web.services import Rooms

__all__ = ["ROUTES"]


@get("/adapters", right="admin", sync_to_thread=True)
def list_adapters(services: Rooms) -> Items[Adapter]:
    """List the clusters of the settings, and whether they answered last."""
    return clusters.adapters(services.scheduler.clusters)


@post("/adapters/{name:str}/probe", right="admin", status_code=200, sync_to_thread=True)
def probe_adapter(services: Rooms, name: FromPath[str]) -> Probed:
    """Ask a cluster now: its commands, its Python, and whether it sees the data folder."""
    return clusters.probe(services.scheduler.clusters, name)


ROUTES = [list_adapters, probe_adapter]
