"""Looks at the space left on the disk of the data folder."""

from __future__ import annotations

import shutil

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["DiskCheck"]

_GIB = 1 << 30
_WARN_SHARE = 0.05


class DiskCheck(BaseCheck):
    """Warns at 5 % or at five times the limit, errs below the limit at which arrivals wait."""

    id = "disk"
    title = "Disk space"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Compare free space with the limit of the settings."""
        usage = shutil.disk_usage(ctx.folder.root)
        limit = ctx.settings.data.min_free_bytes
        text = (
            f"{usage.free / _GIB:.1f} GiB of {usage.total / _GIB:.1f} GiB are free;"
            f" arrivals and jobs wait below {limit / _GIB:.1f} GiB."
        )
        hint = "Move or remove what is not needed, or enlarge the disk."
        if usage.free < limit:
            return CheckResult("error", text, hint)
        if usage.free < min(usage.total * _WARN_SHARE, 5 * limit):
            return CheckResult("warning", text, hint)
        return CheckResult("ok", text)
