"""Looks whether the archives that images are pulled from answer."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["PacsCheck"]


class PacsCheck(BaseCheck):
    """Tells what was heard of each last; they are asked anew now and then, and not waited for."""

    id = "pacs"
    title = "Archives (PACS)"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask what was heard."""
        probe = ctx.probes.get("pacs")
        if probe is None:
            return CheckResult("ok", "Nothing is pulled in this process.")
        if problem := probe():
            hint = (
                "Pulls wait until it answers; nothing is lost. The page PACS of the manual helps."
            )
            return CheckResult("warning", problem, hint)
        return CheckResult("ok", "None is known that did not answer when it was asked last.")
