"""The part of the client that sets projects up, reads existing data, and exports BIDS datasets."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from appliance.client.base import Base
from appliance.client.managing_rows import BidsExport, BidsPlan, ExistingPreview, ProjectDetail
from appliance.client.rows import OperationDone, Project, Receipt
from appliance.core import PeerError

__all__ = ["ManagingCalls"]

_OPEN = frozenset({"pending", "working"})


class ManagingCalls(Base):
    """Projects, existing data, BIDS."""

    def create_project(
        self, name: str, module: str = "", definition: Mapping[str, Any] | None = None
    ) -> Project:
        """Make a project.

        Parameters
        ----------
        definition : mapping, optional
            What a module file holds: ``policy``, ``fields``, ``batches``, ``autoloaders`` and more.
        """
        body = {"name": name, "module": module, "definition": dict(definition or {})}
        return self._post("/projects", Project, body)

    def project(self, name: str) -> ProjectDetail:
        """Give a project with its settings, and what it takes on disk."""
        return self._get(_of(name), ProjectDetail)

    def change_project(self, name: str, **settings: Any) -> ProjectDetail:
        """Change settings of a project; None takes one back to its default."""
        return self._transport.ask("PATCH", _of(name), ProjectDetail, body={"settings": settings})

    def set_project_state(self, name: str, state: str) -> OperationDone:
        """Put a project to use (``active``), into the archive, or into the trash."""
        return self._post(f"{_of(name)}/state", OperationDone, {"state": state})

    def project_module(self, name: str) -> dict[str, Any]:
        """Give what a project holds as a definition, to start another one from."""
        return self._get(f"{_of(name)}/module", dict[str, Any])

    def preview_existing(self, root: str | Path, **options: Any) -> ExistingPreview:
        """Tell what would come of a folder of existing data; nothing is changed.

        Parameters
        ----------
        **options
            ``layout`` ("bids", "pattern"), ``pattern``, ``mode`` ("stay", "link", "copy"),
            ``subjects`` ("keep", "codes").
        """
        return self._post("/existing/preview", ExistingPreview, {"root": str(root), **options})

    def read_existing(self, project: str, root: str | Path, **options: Any) -> Receipt:
        """Read a folder into a project, which is made when it is new; see `preview_existing`."""
        return self._post("/existing", Receipt, {"project": project, "root": str(root), **options})

    def plan_bids(self, project: str, studies: Sequence[str] = ()) -> BidsPlan:
        """Tell what a BIDS dataset of some studies, or of all, would hold."""
        return self._post(f"{_of(project)}/bids/plan", BidsPlan, {"studies": list(studies)})

    def export_bids(
        self, project: str, studies: Sequence[str] = (), *, target: str | Path = ""
    ) -> BidsExport:
        """Export studies as a BIDS dataset.

        Parameters
        ----------
        target : str or Path
            A new folder of the service's machine; else `download_bids` fetches a zip.
        """
        body = {"studies": list(studies), "target": str(target)}
        return self._post(f"{_of(project)}/bids/exports", BidsExport, body)

    def wait_bids(
        self, export: BidsExport, *, within_s: float = 86_400, poll_s: float = 0.5
    ) -> BidsExport:
        """Wait until an export is ready, or has failed.

        Raises
        ------
        PeerError
            If that takes longer than `within_s`.
        """
        until = time.monotonic() + within_s
        path = f"{_of(export.project)}/bids/exports/{export.key}"
        while (found := self._get(path, BidsExport)).state in _OPEN:
            if time.monotonic() > until:
                raise PeerError(f"the export is still {found.state} after {within_s:g} s")
            time.sleep(poll_s)
        return found

    def download_bids(self, export: BidsExport, target: Path) -> None:
        """Write a dataset that is ready to a zip."""
        path = f"{_of(export.project)}/bids/exports/{export.key}/bids.zip"
        with target.open("wb") as out:
            self._transport.fetch(path, out)


def _of(project: str) -> str:
    return f"/projects/{quote(project, safe='')}"
