"""Looks whether the scheduler of jobs runs."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck, probed
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["SchedulerCheck"]


class SchedulerCheck(BaseCheck):
    """Asks the scheduler."""

    id = "scheduler"
    title = "Job scheduler"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask it."""
        hint = "Restart the service; running jobs go on and are found again."
        return probed(ctx, "scheduler", "Runs.", hint)
