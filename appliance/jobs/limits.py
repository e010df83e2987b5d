"""What an attempt may take while it runs: steps it stands back, and the ends of what it gets."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from appliance.core import JobSettings
from appliance.jobs.structs import Resources

__all__ = ["Limits", "systemd_scopes_work"]


def _systemd_run() -> list[str]:
    """How a scope is made: by our own systemd when we are no root."""
    return [
        shutil.which("systemd-run") or "systemd-run",
        *([] if os.getuid() == 0 else ["--user"]),
        "--scope",
        "--quiet",
    ]


def systemd_scopes_work() -> bool:
    """Tell whether systemd runs here and lets us make scopes."""
    if shutil.which("systemd-run") is None:
        return False
    try:
        done = subprocess.run(
            [*_systemd_run(), "true"], capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@dataclass(frozen=True)
class Limits:
    """Limits of attempts on this machine, from the settings of jobs.

    Parameters
    ----------
    settings : JobSettings
    scopes_work : callable
        Asked once, when the first job starts and the setting ``jobs.scope`` is ``"auto"``.
    """

    settings: JobSettings = field(default_factory=JobSettings)
    scopes_work: Callable[[], bool] = systemd_scopes_work

    @cached_property
    def in_scopes(self) -> bool:
        """Whether systemd holds each job to its memory and processors."""
        return self.settings.scope == "auto" and self.scopes_work()

    def spec(self, need: Resources) -> dict[str, Any]:
        """Give what the supervisor is told."""
        its = self.settings
        return {
            "timeout_s": need.walltime_s,
            "grace_s": its.grace_s,
            "nice": its.nice,
            "ionice": its.ionice,
            "memory_limit_mb": need.memory_mb * its.memory_over if its.memory_watch else 0,
            "log_limit_bytes": its.log_limit_mb << 20,
        }

    def prefix(self, key: str, attempt: int, need: Resources) -> list[str]:
        """Give the words before the supervisor's command that put it into a scope of its own."""
        if not self.in_scopes:
            return []
        memory = math.ceil(need.memory_mb * max(1.0, self.settings.memory_over))
        return [
            *_systemd_run(),
            "--collect",
            f"--unit=nora-job-{key}-{attempt}",
            f"--property=MemoryMax={memory}M",
            f"--property=CPUQuota={need.cpus * 100}%",
            "--",
        ]
