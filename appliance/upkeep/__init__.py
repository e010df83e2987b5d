"""Keeping the appliance in order: health checks and repairs, backup, restore, rescan, sidecars.

Never changes an original and never deletes a file of a project but what has lain in the trash for
long enough; what it repairs it says. The one room that may look at every database of the data
folder at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.upkeep.anew import rebuild
    from appliance.upkeep.backups import backup, list_backups
    from appliance.upkeep.checks import check_titles
    from appliance.upkeep.context import CheckContext, Probe
    from appliance.upkeep.demo_data import DemoSet, prepare_demo
    from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, series_datasets, write_series
    from appliance.upkeep.erasing.erasure import Eraser
    from appliance.upkeep.erasing.values import ErasurePlan, OfAnother
    from appliance.upkeep.hashing import HashFiller
    from appliance.upkeep.health import Upkeep
    from appliance.upkeep.moving import Mover
    from appliance.upkeep.notifications.deliveries import ChannelState
    from appliance.upkeep.notifications.kinds import CHANNELS, KINDS, Channel, Kind
    from appliance.upkeep.notifications.listing import (
        Notification,
        list_notifications,
        mark_read,
        unread_count,
    )
    from appliance.upkeep.notifications.people import Profile, profile_of, save_profile
    from appliance.upkeep.notifications.room import ChannelInfo, Notifications
    from appliance.upkeep.notifications.schema import SQL_VIEWS, upkeep_migrations
    from appliance.upkeep.project_notes import adopt_projects
    from appliance.upkeep.project_sweep import project_fates, sweep_projects
    from appliance.upkeep.rescanning import rescan
    from appliance.upkeep.restoring import finish_interrupted_restore, restore
    from appliance.upkeep.schedule import Schedule
    from appliance.upkeep.schema import catalog_extensions
    from appliance.upkeep.sidecar import SidecarWriter
    from appliance.upkeep.storage import (
        StorageDay,
        StoragePart,
        StorageProject,
        StorageView,
        measure,
        storage_view,
    )
    from appliance.upkeep.trash import DAY_MS, Swept, purge, sweep_trash
    from appliance.upkeep.values import (
        BackupInfo,
        CheckResult,
        Fix,
        Health,
        HealthCheck,
        ProjectFate,
        RescanReport,
        RestoreReport,
    )

_ROOMS = {
    "erasing.erasure": "Eraser",
    "erasing.values": "ErasurePlan OfAnother",
    "anew": "rebuild",
    "backups": "backup list_backups",
    "checks": "check_titles",
    "context": "CheckContext Probe",
    "demo_data": "DemoSet prepare_demo",
    "demo_dicom": "MadePatient MadeSeries series_datasets write_series",
    "hashing": "HashFiller",
    "health": "Upkeep",
    "moving": "Mover",
    "notifications.deliveries": "ChannelState",
    "notifications.kinds": "CHANNELS KINDS Channel Kind",
    "notifications.listing": "Notification list_notifications mark_read unread_count",
    "notifications.people": "Profile profile_of save_profile",
    "notifications.room": "ChannelInfo Notifications",
    "notifications.schema": "SQL_VIEWS upkeep_migrations",
    "project_notes": "adopt_projects",
    "project_sweep": "project_fates sweep_projects",
    "rescanning": "rescan",
    "restoring": "finish_interrupted_restore restore",
    "schedule": "Schedule",
    "schema": "catalog_extensions",
    "sidecar": "SidecarWriter",
    "storage": "StorageDay StoragePart StorageProject StorageView measure storage_view",
    "trash": "DAY_MS Swept purge sweep_trash",
    "values": (
        "BackupInfo CheckResult Fix Health HealthCheck ProjectFate RescanReport RestoreReport"
    ),
}
_NAMES = {name: module for module, names in _ROOMS.items() for name in names.split()}
__getattr__ = lazy_door(__name__, _NAMES)

__all__ = [
    "CHANNELS",
    "DAY_MS",
    "KINDS",
    "SQL_VIEWS",
    "BackupInfo",
    "Channel",
    "ChannelInfo",
    "ChannelState",
    "CheckContext",
    "CheckResult",
    "DemoSet",
    "Eraser",
    "ErasurePlan",
    "Fix",
    "HashFiller",
    "Health",
    "HealthCheck",
    "Kind",
    "MadePatient",
    "MadeSeries",
    "Mover",
    "Notification",
    "Notifications",
    "OfAnother",
    "Probe",
    "Profile",
    "ProjectFate",
    "RescanReport",
    "RestoreReport",
    "Schedule",
    "SidecarWriter",
    "StorageDay",
    "StoragePart",
    "StorageProject",
    "StorageView",
    "Swept",
    "Upkeep",
    "adopt_projects",
    "backup",
    "catalog_extensions",
    "check_titles",
    "finish_interrupted_restore",
    "list_backups",
    "list_notifications",
    "mark_read",
    "measure",
    "prepare_demo",
    "profile_of",
    "project_fates",
    "purge",
    "rebuild",
    "rescan",
    "restore",
    "save_profile",
    "series_datasets",
    "storage_view",
    "sweep_projects",
    "sweep_trash",
    "unread_count",
    "upkeep_migrations",
    "write_series",
]
