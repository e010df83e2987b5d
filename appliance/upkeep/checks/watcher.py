"""Looks whether the watched folders are there and watched."""

from __future__ import annotations

from pathlib import Path

from appliance.core import network_kind
from appliance.upkeep.checks.base import BaseCheck, probed
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["WatcherCheck"]


class WatcherCheck(BaseCheck):
    """Asks the watcher; says which folders lie on a network and are only polled."""

    id = "watcher"
    title = "Watched folders"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Ask it, and look at the folders."""
        watch = ctx.settings.watch
        if not watch.enabled:
            return CheckResult("ok", "Switched off by watch.enabled.")
        folders = [ctx.folder.drop, *(Path(entry.path) for entry in watch.folders)]
        missing = [str(path) for path in folders if not path.is_dir()]
        if missing:
            hint = "Make the folder, mount its disk, or take it out of watch.folders."
            return CheckResult("error", f"Not there: {', '.join(missing)}.", hint)
        remote = [f"{path} ({kind})" for path in folders if (kind := network_kind(path))]
        well = f"{len(folders)} watched, looked through every {watch.rescan_s:g} s."
        if remote:
            well += f" On a network, found by looking only: {', '.join(remote)}."
        return probed(ctx, "watcher", well, "Restart the service; see its log for the reason.")
