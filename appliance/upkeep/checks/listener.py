"""Looks whether the DICOM listener answers."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck, probed
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["ListenerCheck"]


_HINT = (
    "'ss -ltnp' shows who has the port: stop that program, or change dicom.port. When the port is"
    " free it is listened to without a restart."
)


class ListenerCheck(BaseCheck):
    """Asks the listener, unless it is switched off."""

    id = "listener"
    title = "DICOM listener"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask it."""
        dicom = ctx.settings.dicom
        if not dicom.enabled:
            return CheckResult("ok", "Switched off by dicom.enabled.")
        well = f"{dicom.ae_title} listens on {dicom.bind}:{dicom.port}."
        return probed(ctx, "listener", well, _HINT)
