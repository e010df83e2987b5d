"""Looks whether the disks of the storage folders are mounted."""

from __future__ import annotations

from pathlib import Path

from appliance.core import StorageError
from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult, Fix

__all__ = ["StorageCheck"]


class StorageCheck(BaseCheck):
    """Looks for the marker file in every storage folder."""

    id = "storage"
    title = "Storage folders"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Name the folders without a marker."""
        roots = ctx.folder.storage_roots
        lost = [root.name for root in roots if not _marked(ctx, root)]
        if not lost:
            return CheckResult("ok", f"All {len(roots)} folders carry their marker file.")
        return CheckResult(
            "error",
            f"No marker file in: {', '.join(lost)}. Nothing is written there.",
            "Mount the disk; writing goes on by itself. If the folder is right as it is, mark it.",
            Fix("mark-storage", "Mark these folders"),
        )


def _marked(ctx: CheckContext, storage: Path) -> bool:
    try:
        ctx.folder.check_marker(storage)
    except StorageError:
        return False
    return True
