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
    from appliance.upkeep.context import CheckContext, Probe
    from appliance.upkeep.demo_data import DemoSet, prepare_demo
    from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, series_datasets, write_series
    from appliance.upkeep.hashing import HashFiller
    from appliance.upkeep.health import Upkeep
    from appliance.upkeep.moving import Mover
    from appliance.upkeep.project_notes import adopt_projects
    from appliance.upkeep.project_sweep import project_fates, sweep_projects
    from appliance.upkeep.rescanning import rescan
    from appliance.upkeep.restoring import finish_interrupted_restore, restore
    from appliance.upkeep.schedule import Schedule
    from appliance.upkeep.schema import catalog_extensions
    from appliance.upkeep.sidecar import SidecarWriter
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
    "anew": "rebuild",
    "backups": "backup list_backups",
    "context": "CheckContext Probe",
    "demo_data": "DemoSet prepare_demo",
    "demo_dicom": "MadePatient MadeSeries series_datasets write_series",
    "hashing": "HashFiller",
    "health": "Upkeep",
    "moving": "Mover",
    "project_notes": "adopt_projects",
    "project_sweep": "project_fates sweep_projects",
    "rescanning": "rescan",
    "restoring": "finish_interrupted_restore restore",
    "schedule": "Schedule",
    "schema": "catalog_extensions",
    "sidecar": "SidecarWriter",
    "trash": "DAY_MS Swept purge sweep_trash",
    "values": (
        "BackupInfo CheckResult Fix Health HealthCheck ProjectFate RescanReport RestoreReport"
    ),
}
_NAMES = {name: module for module, names in _ROOMS.items() for name in names.split()}
__getattr__ = lazy_door(__name__, _NAMES)

__all__ = [
    "DAY_MS",
    "BackupInfo",
    "CheckContext",
    "CheckResult",
    "DemoSet",
    "Fix",
    "HashFiller",
    "Health",
    "HealthCheck",
    "MadePatient",
    "MadeSeries",
    "Mover",
    "Probe",
    "ProjectFate",
    "RescanReport",
    "RestoreReport",
    "Schedule",
    "SidecarWriter",
    "Swept",
    "Upkeep",
    "adopt_projects",
    "backup",
    "catalog_extensions",
    "finish_interrupted_restore",
    "list_backups",
    "prepare_demo",
    "project_fates",
    "purge",
    "rebuild",
    "rescan",
    "restore",
    "series_datasets",
    "sweep_projects",
    "sweep_trash",
    "write_series",
]
