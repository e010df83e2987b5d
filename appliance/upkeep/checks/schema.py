"""Looks which version wrote the catalog and whether everything is migrated."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from appliance import __version__
from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.schema import applied_migrations, unknown_to_us
from appliance.upkeep.values import CheckResult

__all__ = ["SchemaCheck"]


class SchemaCheck(BaseCheck):
    """Compares the applied migrations with those of this version."""

    id = "version"
    title = "Version"

    def run(self, ctx: CheckContext) -> CheckResult:
        """Name the version and the state of the schema."""
        uri = f"{ctx.folder.catalog_path.as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as con:
            unknown, applied = unknown_to_us(con), applied_migrations(con)
        if unknown:
            return CheckResult(
                "error",
                f"Version {__version__}, but a newer one wrote the catalog: {', '.join(unknown)}.",
                "Install the newer version.",
            )
        return CheckResult("ok", f"Version {__version__}; all {len(applied)} migrations applied.")
