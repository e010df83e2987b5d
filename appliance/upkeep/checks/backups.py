"""Looks at the age of the newest backup."""

from __future__ import annotations

from appliance.core import now_ms
from appliance.upkeep.backups import list_backups
from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult, Fix

__all__ = ["BackupCheck"]

_HOUR_MS = 3_600_000
_FIX = Fix("backup", "Make a backup now")


class BackupCheck(BaseCheck):
    """Warns when the newest backup is older than two days, errs after a week."""

    id = "backup"
    title = "Backup"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Tell the age of the newest backup."""
        found = list_backups(ctx.folder.backups)
        off = "" if ctx.settings.backup.enabled else " The daily backup is switched off."
        if not found:
            hint = "Make one now, or wait for the daily one."
            return CheckResult("warning", f"There is no backup yet.{off}", hint, _FIX)
        hours = (now_ms() - found[0].created_at) / _HOUR_MS
        age = "less than an hour" if hours < 1 else f"{hours:.0f} hour{'s' * (round(hours) > 1)}"
        text = f"The newest of {len(found)} is {age} old and was verified.{off}"
        if hours <= 48:
            return CheckResult("ok", text)
        hint = "Make one now; the log says why none was made."
        return CheckResult("error" if hours > 7 * 24 else "warning", text, hint, _FIX)
