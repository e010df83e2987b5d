"""Looks for what could not be sent to an archive."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["PushesCheck"]

_COUNTS = (
    "SELECT node, count(*) AS n FROM pacs_pushes WHERE state IN ('failed', 'partial')"
    " GROUP BY node ORDER BY node"
)


class PushesCheck(BaseCheck):
    """Counts pushes that failed, wholly or in part, by archive."""

    id = "pushes"
    title = "Sending to PACS"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Count by archive."""
        with ctx.catalog.read() as con:
            found = [(row["node"], row["n"]) for row in con.execute(_COUNTS)]
            n = con.execute("SELECT count(*) FROM pacs_pushes").fetchone()[0]
        if not found:
            return CheckResult("ok", f"{n} sent; none failed.")
        told = ", ".join(f"{n} to {node}" for node, n in found)
        return CheckResult(
            "warning",
            f"Not sent: {told}.",
            "'nora pacs pushes' says why. Send again, or cancel what need not go.",
        )
