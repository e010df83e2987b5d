"""Runs jobs in bubblewrap where the machine has it, so that they do not see our databases."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.catalog import linked_folders
from appliance.core import DataFolder

__all__ = ["Sandbox", "bubblewrap_works"]

_SEEN = {"projects": "--bind", "models": "--bind", "cache": "--bind", "originals": "--ro-bind"}


def bubblewrap_works() -> bool:
    """Tell whether ``bwrap`` is installed and this machine lets it make its namespaces."""
    program = shutil.which("bwrap")
    if program is None:
        return False
    try:
        done = subprocess.run(
            [program, "--dev-bind", "/", "/", "true"], capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class Sandbox:
    """Puts a command into bubblewrap, or leaves it as it is.

    Parameters
    ----------
    folder : DataFolder
        The data folder; of it a job sees projects, models, caches and its own run folder.
    setting : str
        ``"auto"`` or ``"off"``, from ``jobs.sandbox``.
    works : callable
        Asked once, when the setting is ``"auto"``.
    """

    def __init__(
        self, folder: DataFolder, setting: str, works: Callable[[], bool] = bubblewrap_works
    ) -> None:
        self._folder = folder
        self.active = setting == "auto" and works()

    def wrap(self, argv: Sequence[str], run_folder: Path) -> list[str]:
        """Give the command to run instead."""
        if not self.active:
            return list(argv)
        root = self._folder.root
        seen = [(how, root / name) for name, how in _SEEN.items() if (root / name).is_dir()]
        seen.append(("--bind", run_folder))
        seen += [("--ro-bind", path) for path in linked_folders(self._folder) if path.is_dir()]
        binds = [word for how, path in seen for word in (how, str(path), str(path))]
        return [
            *("bwrap", "--die-with-parent", "--dev-bind", "/", "/", "--tmpfs", str(root)),
            *binds,
            *("--", *argv),
        ]
