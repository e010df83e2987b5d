"""Looks for arrivals that wait for a person."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["ArrivalsCheck"]


class ArrivalsCheck(BaseCheck):
    """Counts receipts that failed, wait for a decision or hold quarantined files."""

    id = "arrivals"
    title = "Arrivals"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Count receipts by state."""
        with ctx.catalog.read() as con:
            rows = con.execute("SELECT state, count(*) n FROM receipts GROUP BY state").fetchall()
        counts = {row["state"]: row["n"] for row in rows}
        found = [
            f"{counts[state]} {words}"
            for state, words in (
                ("waiting", "wait for a decision"),
                ("failed", "failed"),
                ("partial", "left files in quarantine"),
            )
            if counts.get(state)
        ]
        if not found:
            return CheckResult("ok", f"{sum(counts.values())} arrivals; none needs a person.")
        return CheckResult(
            "warning", f"Arrivals: {', '.join(found)}.", "Open Arrivals: each says what to do."
        )
