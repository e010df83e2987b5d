"""Looks at the settings and the deliveries of notifications; it connects to nobody."""

from __future__ import annotations

from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.notifications.deliveries import ChannelState, channel_states
from appliance.upkeep.notifications.kinds import OUTSIDE
from appliance.upkeep.notifications.outside import trouble
from appliance.upkeep.values import CheckResult, Fix

__all__ = ["NotificationsCheck"]

_AGAIN = Fix("notifications-again", "Send them again")


class NotificationsCheck(BaseCheck):
    """Warns of settings that cannot work, and of deliveries that were given up or are late."""

    id = "notifications"
    title = "Notifications"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Look at the channels that are configured."""
        settings = ctx.settings.notifications
        troubles = {channel: trouble(settings, channel) for channel in OUTSIDE}
        on = [channel for channel, problem in troubles.items() if problem is not None]
        if not on:
            return CheckResult("ok", "In the browser only: neither e-mail nor webhook is set.")
        wrong = "; ".join(f"{channel}: {text}" for channel in on if (text := troubles[channel]))
        if wrong:
            return CheckResult("warning", wrong, "Correct the settings, then restart.")
        with ctx.catalog.read() as con:
            states = [state for state in channel_states(con) if state.channel in on]
        bad = "; ".join(_told(state) for state in states if state.n_failed or state.n_late)
        if bad:
            hint = "Send a test from the page Notifications; then send again what was given up."
            return CheckResult("warning", bad, hint, _AGAIN)
        return CheckResult("ok", f"By {' and '.join(on)}; {sum(s.n_waiting for s in states)} wait.")


def _told(state: ChannelState) -> str:
    counts = [
        f"{n} {word}" for n, word in ((state.n_failed, "given up"), (state.n_late, "late")) if n
    ]
    return f"{state.channel}: {', '.join(counts)} ({state.why})"
