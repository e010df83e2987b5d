"""Looks whether our conversion agreed with dcm2niix where both were asked."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["ConvertersCheck"]

_COMPARED = (
    "SELECT count(*) AS n, count(*) FILTER (WHERE c.differs != '') AS n_differ,"
    " min(iif(c.differs != '', p.name || ': ' || s.folder, NULL)) AS one"
    " FROM conversions_compared c JOIN incoming_series s ON s.id = c.series_id"
    " JOIN projects p ON p.id = s.project_id"
)


class ConvertersCheck(BaseCheck):
    """Counts series that were converted twice, and those where the results differ."""

    id = "converters"
    title = "Converters"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Count, and name one that differs."""
        with ctx.catalog.read() as con:
            row = con.execute(_COMPARED).fetchone()
        if not row["n_differ"]:
            text = f"{row['n']} series compared; all agree." if row["n"] else "Nothing compared."
            return CheckResult("ok", text)
        return CheckResult(
            "warning",
            f"{row['n_differ']} of {row['n']} series compared differ ({row['one']}).",
            "dcm2niix's result was kept; the receipt says where they differ. Set the project's"
            " converter to dcm2niix until it is known why.",
        )
