"""Looks whether the catalog's file is sound and its write-ahead log small."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from appliance.catalog import DAMAGED
from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult, Fix

__all__ = ["DatabaseCheck"]

_MIB = 1 << 20
_WAL_LIMIT_BYTES = 256 * _MIB
_QUICK_CHECK_EVERY_S = 3600.0


class DatabaseCheck(BaseCheck):
    """Runs SQLite's quick check at most once an hour, and measures the log every time."""

    id = "database"
    title = "Database"

    def __init__(self) -> None:
        self._answer = ""
        self._checked_at = float("-inf")

    def run(self, ctx: CheckContext) -> CheckResult:
        """Check the catalog's file."""
        path = ctx.folder.catalog_path
        answer = self._quick_check(path)
        if answer != "ok":
            return CheckResult(
                "error",
                f"The catalog did not pass SQLite's quick check: {answer}",
                DAMAGED,
            )
        wal = Path(f"{path}-wal")
        wal_bytes = wal.stat().st_size if wal.exists() else 0
        text = (
            f"Sound; {path.stat().st_size / _MIB:.1f} MiB,"
            f" write-ahead log {wal_bytes / _MIB:.1f} MiB."
        )
        if wal_bytes > _WAL_LIMIT_BYTES:
            hint = "A reader may be stuck. Empty the log, or restart the service."
            return CheckResult("warning", text, hint, Fix("checkpoint", "Empty the log"))
        return CheckResult("ok", text)

    def _quick_check(self, path: Path) -> str:
        if time.monotonic() - self._checked_at < _QUICK_CHECK_EVERY_S and self._answer == "ok":
            return self._answer
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as con:
                self._answer = str(con.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            self._answer = str(error)
        self._checked_at = time.monotonic()
        return self._answer
