"""Where a study's files lie below the data folder, from the names the catalog holds."""

from __future__ import annotations

from pathlib import Path

from appliance.catalog.rows import FileRow, SelectedFile
from appliance.catalog.sources import linked_join
from appliance.core import DataFolder, safe_join

__all__ = ["absolute_path", "file_path", "project_root", "study_dir"]


def project_root(folder: DataFolder, project: str) -> Path:
    """Give the folder of a project."""
    return safe_join(folder.projects, project)


def study_dir(folder: DataFolder, project: str, pid: str, sid: str) -> Path:
    """Give the folder of a study: ``projects/<project>/<subject>/<study>``."""
    return safe_join(folder.projects, project, pid, sid)


def file_path(folder: DataFolder, row: FileRow) -> Path:
    """Give the absolute path of a file."""
    return absolute_path(folder, row.project, row)


def absolute_path(folder: DataFolder, project: str, row: FileRow | SelectedFile) -> Path:
    """Give the absolute path of a row that may not name its project.

    A file of existing data may be a link into one of the project's sources.
    """
    return linked_join(folder, project, row.pid, row.sid, row.path)
