"""What a health check is."""

from __future__ import annotations

from typing import ClassVar, Protocol

from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["BaseCheck", "Check", "probed"]


class Check(Protocol):
    """One thing that is looked at.

    Attributes
    ----------
    id : str
        Stable name.
    title : str
        What the health page calls it.
    """

    id: ClassVar[str]
    title: ClassVar[str]

    def run(self, ctx: CheckContext) -> CheckResult:
        """Look, and say what was found with the numbers that were used."""
        ...

    def approve(self, ctx: CheckContext) -> bool:
        """Tell whether a finding still stands at a second look; a passing one is not shown."""
        ...


class BaseCheck:
    """A check whose second look is the first one again."""

    id: ClassVar[str]
    title: ClassVar[str]

    def run(self, ctx: CheckContext) -> CheckResult:
        """Look once."""
        raise NotImplementedError

    def approve(self, ctx: CheckContext) -> bool:
        """Look again."""
        return self.run(ctx).level != "ok"


def probed(ctx: CheckContext, part: str, well: str, hint: str) -> CheckResult:
    """Ask a running part how it is."""
    probe = ctx.probes.get(part)
    if probe is None:
        return CheckResult("warning", "Does not run in this process.", hint)
    problem = probe()
    return CheckResult("error", problem, hint) if problem else CheckResult("ok", well)
