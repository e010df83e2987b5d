"""The room's face for the rest of the appliance: health, repairs and backups of a running one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from appliance import __version__
from appliance.catalog import Tx
from appliance.core import NotFound, now_ms
from appliance.upkeep.backups import backup, list_backups
from appliance.upkeep.checks import Check, all_checks
from appliance.upkeep.context import CheckContext
from appliance.upkeep.fixes import FIXES
from appliance.upkeep.values import BackupInfo, CheckResult, Health, HealthCheck, Level

__all__ = ["Upkeep", "run_checks"]

_LOG = logging.getLogger(__name__)
_WORST: tuple[Level, ...] = ("ok", "unknown", "warning", "error")


def run_checks(checks: Sequence[Check], ctx: CheckContext) -> list[HealthCheck]:
    """Run all checks; one that fails itself is shown as unknown and does not stop the others."""
    return [_run(check, ctx) for check in checks]


class Upkeep:
    """Health, repairs and backups of one running appliance.

    Parameters
    ----------
    ctx : CheckContext
        What the checks may look at.
    checks : sequence of Check, optional
        Instead of all checks.
    """

    def __init__(self, ctx: CheckContext, checks: Sequence[Check] | None = None) -> None:
        self._ctx = ctx
        self._checks = list(checks) if checks is not None else all_checks()
        self._started_at = now_ms()
        self._lock = threading.Lock()
        self._backing_up = threading.Lock()
        self._told: tuple[tuple[str, Level], ...] | None = None

    def health(self) -> Health:
        """Run all checks; a change since the last time becomes the event ``health.changed``."""
        with self._lock:
            found = run_checks(self._checks, self._ctx)
            status = _worst([check.level for check in found])
            self._tell(status, found)
        return Health(
            status=status,
            checks=found,
            version=__version__,
            started_at=self._started_at,
            checked_at=now_ms(),
        )

    def fix(self, fix_id: str) -> str:
        """Do a repair; give a sentence about what was done.

        Raises
        ------
        NotFound
            If there is no such repair.
        """
        if fix_id == "backup":
            return f"made backup {self.backup().name}"
        try:
            repair = FIXES[fix_id]
        except KeyError:
            known = ", ".join(sorted([*FIXES, "backup"]))
            raise NotFound(f"there is no repair {fix_id!r}", hint=f"There are: {known}.") from None
        done = repair(self._ctx)
        _LOG.info("repair %s: %s", fix_id, done)
        return done

    def backup(self) -> BackupInfo:
        """Make a backup now; a second caller waits for the first."""
        with self._backing_up:
            try:
                return backup(self._ctx.folder, keep=self._ctx.settings.backup.keep)
            except Exception as error:
                self._tell_failed(error)
                raise

    def backups(self) -> list[BackupInfo]:
        """List the finished backups, newest first."""
        return list_backups(self._ctx.folder.backups)

    def last_backup_ms(self) -> int | None:
        """Give the time of the newest backup."""
        return max((info.created_at for info in self.backups()), default=None)

    def _tell_failed(self, error: Exception) -> None:
        try:
            self._ctx.catalog.write(lambda tx: tx.event("backup.failed", why=type(error).__name__))
        except Exception:  # noqa: BLE001 - what is told of is the failure of the backup
            _LOG.exception("cannot record that a backup failed")

    def _tell(self, status: Level, found: list[HealthCheck]) -> None:
        levels = tuple((check.id, check.level) for check in found)
        if levels == self._told:
            return
        bad = [name for name, level in levels if level != "ok"]
        runs = bool(self._ctx.probes)  # else parts are missing on purpose

        def tell(tx: Tx) -> None:
            tx.event("health.changed", status=status, checks=bad, levels=dict(levels), running=runs)

        try:
            self._ctx.catalog.write(tell)
        except Exception:  # noqa: BLE001 - the health page itself must show what is wrong with the catalog
            _LOG.exception("cannot record the change of health")
            return
        self._told = levels


def _worst(levels: list[Level]) -> Level:
    return max(levels, key=_WORST.index) if levels else "ok"


def _run(check: Check, ctx: CheckContext) -> HealthCheck:
    try:
        result = check.run(ctx)
        if result.level != "ok" and not check.approve(ctx):
            result = CheckResult("ok", "Well again at a second look.")
    except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
        _LOG.exception("check %s failed", check.id)
        result = CheckResult(
            "unknown",
            f"This could not be looked at ({type(error).__name__}).",
            hint="See the log of the service.",
        )
    return HealthCheck(
        id=check.id,
        title=check.title,
        level=result.level,
        text=result.text,
        hint=result.hint,
        fix=result.fix,
    )
