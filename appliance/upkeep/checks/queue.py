"""Looks whether the queue of short steps moves."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck, probed
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["QueueCheck"]


class QueueCheck(BaseCheck):
    """Asks the queue about its workers and how far it is behind."""

    id = "queue"
    title = "Queue"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask it."""
        return probed(ctx, "queue", "The workers run.", "Restart the service; nothing is lost.")
