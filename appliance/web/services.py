"""The live objects that the web room calls; built and handed in by the roof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from appliance.catalog import Caller, Catalog, MetaStore
from appliance.core import DataFolder, Settings
from appliance.jobs import ToolBox

if TYPE_CHECKING:
    from appliance.exchange import Importer, Pacs
    from appliance.jobs import AutoRuns, Notebooks, Queue, Scheduler
    from appliance.privacy import IdentityStore
    from appliance.tomography import SlicePool
    from appliance.upkeep import Notifications, Upkeep

__all__ = ["Rooms", "Services", "Who"]


@dataclass(frozen=True, kw_only=True)
class Services:
    """All that a request may reach."""

    settings: Settings
    folder: DataFolder
    catalog: Catalog
    identities: IdentityStore
    queue: Queue
    scheduler: Scheduler
    notebooks: Notebooks
    autoruns: AutoRuns
    importer: Importer
    pacs: Pacs
    upkeep: Upkeep
    notifications: Notifications
    tools: ToolBox
    meta: MetaStore
    slices: SlicePool


Rooms = NamedDependency[SkipValidation[Services]]
Who = NamedDependency[SkipValidation[Caller]]
