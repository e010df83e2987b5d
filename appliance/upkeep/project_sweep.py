"""The sweep of projects: one that has lain in the trash long enough leaves the disk as a whole.

Its folder goes by way of ``trash/``, as files do. DICOM originals are not touched, nor what its
links lead to, nor who its subjects are.
"""

from __future__ import annotations

import logging

from appliance.catalog import (
    Catalog,
    TrashedProject,
    empty_project,
    mark_project_purged,
    project_usage,
    purged_projects,
    trashed_projects,
)
from appliance.core import DataFolder, iso, now_ms
from appliance.upkeep.trash import DAY_MS, GRACE_DAYS, bring, stage
from appliance.upkeep.values import ProjectFate

__all__ = ["project_fates", "sweep_projects"]

_LOG = logging.getLogger(__name__)


def sweep_projects(catalog: Catalog, folder: DataFolder, keep_days: int) -> int:
    """Make final the projects put into the trash more than `keep_days` ago; count them.

    With 0 days none is ever swept.

    Raises
    ------
    StorageError
        If the disk of the projects is not mounted.
    """
    if keep_days <= 0:
        return 0
    before = now_ms() - keep_days * DAY_MS
    with catalog.read() as con:
        due = [one for one in trashed_projects(con) if one.operation and one.at < before]
        due += purged_projects(con)  # cut short the last time
    for project in due:
        _remove(catalog, folder, project)
    return len(due)


def _remove(catalog: Catalog, folder: DataFolder, project: TrashedProject) -> None:
    folder.check_marker(folder.projects)
    catalog.write(lambda tx: mark_project_purged(tx, project))
    target = stage(folder, project.operation) / project.name
    bring(folder.projects / project.name, target)
    while catalog.write(lambda tx: empty_project(tx, project.id)):
        pass
    _LOG.info("project %s left the disk; its originals stay", project.name)


def project_fates(catalog: Catalog, keep_days: int) -> list[ProjectFate]:
    """Tell of each project in the trash what will become of it, and when."""
    with catalog.read() as con:
        found = [(one, project_usage(con, one.id)) for one in trashed_projects(con)]
    fates = []
    for project, usage in found:
        final_at = project.at + keep_days * DAY_MS if keep_days > 0 else None
        ours = usage.arrived_bytes + usage.derived_bytes
        what = (
            f"its {usage.n_files} files ({ours / 1e6:.1f} MB), tags and metadata are removed"
            f" from the disk {GRACE_DAYS} days later"
        )
        when = f"On {iso(final_at)[:10]} it leaves the catalog, and {what}." if final_at else ""
        never = "It stays in the trash until it is put back: trash.keep_days is 0."
        kept = (
            f" DICOM originals ({usage.originals_bytes / 1e6:.1f} MB), folders it only links to,"
            " and the list of who its subjects are stay."
        )
        fates.append(
            ProjectFate(
                name=project.name,
                trashed_at=project.at,
                final_at=final_at,
                n_files=usage.n_files,
                size_bytes=ours,
                originals_bytes=usage.originals_bytes,
                fate=when + kept if final_at else never,
            )
        )
    return fates
