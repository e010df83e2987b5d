"""Looks whether the clusters that jobs are handed to answer."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["ClusterCheck"]


class ClusterCheck(BaseCheck):
    """Asks the scheduler about each of them."""

    id = "clusters"
    title = "Clusters"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask it."""
        names = ", ".join(sorted(ctx.settings.jobs.adapters))
        if not names:
            return CheckResult("ok", "None: all jobs run on this machine.")
        probe = ctx.probes.get("clusters")
        problem = "Jobs do not run in this process." if probe is None else probe()
        hint = "Jobs wait until it answers; nothing is lost. The page Slurm of the manual helps."
        if problem:
            return CheckResult("warning", problem, hint)
        return CheckResult("ok", f"{names}: answers. Jobs there run without bubblewrap.")
