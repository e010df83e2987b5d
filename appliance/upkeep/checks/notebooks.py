"""Looks whether the port of the notebooks answers."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["NotebookCheck"]

_WELL = "Their port answers."


class NotebookCheck(BaseCheck):
    """Asks the proxy, unless notebooks are switched off."""

    id = "notebooks"
    title = "Notebooks"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask it."""
        if not ctx.settings.notebooks.enabled:
            return CheckResult("ok", "Switched off by notebooks.enabled.")
        probe = ctx.probes.get("notebooks")
        problem = "Do not run in this process." if probe is None else probe()
        hint = "Set notebooks.port, then restart the service."
        return CheckResult("warning", problem, hint) if problem else CheckResult("ok", _WELL)
