"""Builds the adapters that the settings ask for, and tells which one a job goes to."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.catalog import Catalog
from appliance.core import (
    AdapterSettings,
    DataFolder,
    JobSettings,
    SettingsError,
    atomic_write,
)
from appliance.jobs import carrier, shim
from appliance.jobs.adapters import Adapters
from appliance.jobs.cluster import ClusterAdapter
from appliance.jobs.hosts import Host
from appliance.jobs.local import LocalAdapter
from appliance.jobs.routing import LOCAL, Routes
from appliance.jobs.sge import Sge
from appliance.jobs.sites import PathMap, Site
from appliance.jobs.slurm import Slurm
from appliance.jobs.workload import Workload

__all__ = ["build_adapters", "check_adapters", "clusters_of", "routes_of"]

_KINDS: Mapping[str, type[Slurm | Sge]] = {"slurm": Slurm, "sge": Sge}
_INHERIT = ("*",)


def build_adapters(
    local: LocalAdapter, settings: JobSettings, catalog: Catalog, folder: DataFolder
) -> Adapters:
    """Make all adapters; nothing is asked of any cluster yet.

    Raises
    ------
    SettingsError
        If a queue is unknown, or goes to two places.
    """
    check_adapters(settings)
    clusters = [
        _cluster(name, one, catalog, folder) for name, one in sorted(settings.adapters.items())
    ]
    return Adapters(local, clusters)


def clusters_of(adapters: Adapters) -> list[ClusterAdapter]:
    """Give those adapters that are clusters."""
    return [one for one in adapters if isinstance(one, ClusterAdapter)]


def check_adapters(settings: JobSettings) -> None:
    """Refuse adapters that cannot be meant.

    Raises
    ------
    SettingsError
        With the key.
    """
    taken: dict[str, str] = {}
    for name, one in sorted(settings.adapters.items()):
        key = f"jobs.adapters.{name}"
        if name == LOCAL or not name.replace("-", "").replace("_", "").isalnum():
            raise SettingsError(f"{key}: an adapter cannot have this name", hint="Use letters.")
        for queue in one.queues:
            if queue not in settings.queues:
                raise SettingsError(
                    f"{key}: there is no queue {queue!r}", hint="Add it to jobs.queues."
                )
            if queue in taken:
                raise SettingsError(f"{key}: queue {queue!r} goes to {taken[queue]!r} already")
            taken[queue] = name
        for pair in one.paths:
            if not (pair.here.startswith("/") and pair.there.startswith("/")):
                raise SettingsError(f"{key}: paths have to be absolute")


def routes_of(settings: JobSettings) -> Routes:
    """Tell which queues go where."""
    queues = {queue: name for name, one in settings.adapters.items() for queue in one.queues}
    return Routes(queues, tuple(settings.adapters))


def _cluster(
    name: str, settings: AdapterSettings, catalog: Catalog, folder: DataFolder
) -> ClusterAdapter:
    host = Host(
        settings.host,
        settings.ssh_config,
        settings.programs,
        settings.environment,
        settings.timeout_s,
    )
    workload: Workload = _KINDS[settings.kind](
        host, options=settings.options, gres=settings.gres, everyone=settings.foreign
    )
    python = settings.python or ("python3" if settings.host else sys.executable)
    site = Site(
        paths=PathMap([(pair.here, pair.there) for pair in settings.paths]),
        python=python,
        inherit=_INHERIT,
        is_local=False,
        facts={"NORA_URL": settings.url} if settings.url else {},
    )
    program = site.paths.there(_copied(folder, shim.__file__, "supervisor"))
    return ClusterAdapter(
        *(name, workload, settings, catalog),
        site=site,
        command=[python, "-I", "-S", program],
        carrier=site.paths.there(_copied(folder, carrier.__file__, "carrier")),
        home=folder.jobs,
    )


def _copied(folder: DataFolder, program: str, name: str) -> Path:
    """Put a copy of a program beside the run folders, where all nodes see it."""
    text = Path(program).read_bytes()
    path = folder.jobs / f".{name}-{hashlib.sha256(text).hexdigest()[:12]}.py"
    if not path.exists():
        with atomic_write(path) as stream:
            stream.write(text)
    return path
