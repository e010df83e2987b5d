"""Looks for arrivals that wait for a person."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["ArrivalsCheck"]

_COUNTS = (
    "SELECT iif(d.key IS NULL OR r.state = 'waiting', r.state, 'dismissed') AS state, count(*) AS n"
    " FROM receipts r LEFT JOIN dismissed_row d ON d.key = r.key AND d.updated_at = r.updated_at"
    " GROUP BY 1"
)


class ArrivalsCheck(BaseCheck):
    """Counts receipts that failed, wait for a decision or hold quarantined files.

    What a person has dismissed from the table of jobs as it stands is known, and counts no more.
    """

    id = "arrivals"
    title = "Arrivals"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Count receipts by state."""
        with ctx.catalog.read() as con:
            rows = con.execute(_COUNTS).fetchall()
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
