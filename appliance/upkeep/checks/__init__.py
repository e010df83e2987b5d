"""The health checks, one small file each, in the order of the health page."""

from __future__ import annotations

from appliance.upkeep.checks.arrivals import ArrivalsCheck
from appliance.upkeep.checks.backups import BackupCheck
from appliance.upkeep.checks.base import BaseCheck, Check
from appliance.upkeep.checks.bundle import BundleCheck
from appliance.upkeep.checks.clusters import ClusterCheck
from appliance.upkeep.checks.converters import ConvertersCheck
from appliance.upkeep.checks.database import DatabaseCheck
from appliance.upkeep.checks.disk import DiskCheck
from appliance.upkeep.checks.isolation import IsolationCheck
from appliance.upkeep.checks.listener import ListenerCheck
from appliance.upkeep.checks.notebooks import NotebookCheck
from appliance.upkeep.checks.notifications import NotificationsCheck
from appliance.upkeep.checks.pacs import PacsCheck
from appliance.upkeep.checks.pushes import PushesCheck
from appliance.upkeep.checks.queue import QueueCheck
from appliance.upkeep.checks.scheduler import SchedulerCheck
from appliance.upkeep.checks.schema import SchemaCheck
from appliance.upkeep.checks.sources import SourcesCheck
from appliance.upkeep.checks.storage import StorageCheck
from appliance.upkeep.checks.watcher import WatcherCheck

__all__ = ["BaseCheck", "Check", "all_checks", "check_titles"]


def all_checks() -> list[Check]:
    """Make one of each check; they keep what is costly to find out."""
    return [
        DiskCheck(),
        StorageCheck(),
        SourcesCheck(),
        DatabaseCheck(),
        SchemaCheck(),
        ListenerCheck(),
        WatcherCheck(),
        ArrivalsCheck(),
        PacsCheck(),
        PushesCheck(),
        ConvertersCheck(),
        QueueCheck(),
        SchedulerCheck(),
        IsolationCheck(),
        ClusterCheck(),
        NotebookCheck(),
        NotificationsCheck(),
        BackupCheck(),
        BundleCheck(),
    ]


def check_titles() -> dict[str, str]:
    """Give the title of each check by its id."""
    return {check.id: check.title for check in all_checks()}
