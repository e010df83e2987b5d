"""Puts files that lie in a project's folder into the catalog, and looks up identities on record."""

from __future__ import annotations

from appliance.catalog import Caller
from appliance.web.schemas import Done, FilesAdd, FilesRemove, Identity, OperationDone
from appliance.web.services import Services

__all__ = ["add_files", "remove_files", "reveal"]


def add_files(services: Services, who: Caller, data: FilesAdd) -> Done:
    """Add files."""
    raise NotImplementedError


def remove_files(services: Services, who: Caller, data: FilesRemove) -> OperationDone:
    """Remove files."""
    raise NotImplementedError


def reveal(services: Services, who: Caller, subject_id: int) -> Identity:
    """Reveal an identity."""
    raise NotImplementedError
