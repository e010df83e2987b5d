"""Looks whether the web UI was built."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["BundleCheck"]


class BundleCheck(BaseCheck):
    """Looks for the page of the built web UI."""

    id = "bundle"
    title = "Web pages"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Look for it."""
        if ctx.bundle is None or not (ctx.bundle / "index.html").is_file():
            return CheckResult(
                "warning",
                "The web pages are not built; the API works.",
                "From a clone run 'make setup'; a wheel carries them.",
            )
        return CheckResult("ok", "Built.")
