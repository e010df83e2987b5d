"""Looks whether jobs are kept from what is not theirs."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["IsolationCheck"]

_WELL = "Jobs see their project, their folder and their tools."


class IsolationCheck(BaseCheck):
    """Asks the scheduler, unless the settings switch it off."""

    id = "isolation"
    title = "Isolation of jobs"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask it."""
        probe = ctx.probes.get("isolation")
        problem = "" if probe is None else probe()
        if not problem:
            return CheckResult("ok", _WELL if probe else "Jobs do not run in this process.")
        if ctx.settings.jobs.sandbox == "off":
            return CheckResult("ok", problem)
        return CheckResult("warning", problem, "Install bubblewrap and allow user namespaces.")
