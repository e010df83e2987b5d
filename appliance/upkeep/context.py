"""What a health check may look at: settings, data folder, catalog, and probes of running parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.catalog import Catalog
from appliance.core import DataFolder, Settings

__all__ = ["CheckContext", "Probe"]

Probe = Callable[[], str]
"""Asks a running part how it is: '' when it is well, else what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """All that checks and repairs may reach.

    Attributes
    ----------
    catalog : Catalog
        The open catalog.
    probes : mapping of str to Probe
        By part: ``listener``, ``watcher``, ``queue``, ``scheduler``. A part that does not run in
        this process has no probe.
    bundle : Path, optional
        Folder of the built web UI.
    """

    settings: Settings
    folder: DataFolder
    catalog: Catalog
    probes: Mapping[str, Probe] = field(default_factory=dict)
    bundle: Path | None = None
