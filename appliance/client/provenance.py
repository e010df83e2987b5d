"""The part of the client that tells how files were made, and brings them up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.client.base import Base

__all__ = ["ProvenanceCalls"]


class ProvenanceCalls(Base):
    """Lineage, stale marks, replays."""

    def provenance(self, file_id: int, *, depth: int = 4) -> dict[str, Any]:
        """Tell how a file was ``made``, what stands ``before`` it, and what came ``after``."""
        path = f"/files/{file_id}/provenance"
        found: dict[str, Any] = self._get(path, dict[str, Any], {"depth": depth})
        return found

    def prov(self, *, file_id: int | None = None, batch: str | None = None) -> dict[str, Any]:
        """Give PROV-JSON about a file with all that it goes back to, or about a batch."""
        path = f"/batches/{batch}/prov" if batch else f"/files/{file_id}/provenance/prov"
        found: dict[str, Any] = self._get(path, dict[str, Any])
        return found

    def recompute(
        self,
        project: str,
        *,
        files: Sequence[int] | None = None,
        studies: Sequence[int] | None = None,
        subjects: Sequence[int] | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Run again the jobs whose files are out of date; give their keys in order."""
        meant = {"files": files, "studies": studies, "subjects": subjects}
        body = {"project": project, "dry_run": dry_run, **meant}
        found: dict[str, Any] = self._post("/recompute", dict[str, Any], body)
        return found

    def replay(self, file_id: int) -> str:
        """Run again what made a file, in a scratch folder; gives the key of the job."""
        path = f"/files/{file_id}/provenance/replay"
        return str(self._post(path, dict[str, Any], {})["job_key"])

    def replay_report(self, job_key: str) -> dict[str, Any]:
        """Give the ``result`` of a replay, and what differs in which of its ``outputs``."""
        found: dict[str, Any] = self._get(f"/jobs/{job_key}/replay", dict[str, Any])
        return found
