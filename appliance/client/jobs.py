"""The part of the client that keeps batches, and deals with many jobs at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from appliance.client.base import Base, Items
from appliance.client.job_rows import (
    ActionsDone,
    BatchRow,
    BatchShown,
    DryRow,
    DryRun,
    LogHits,
    OwnerCounts,
    SavedBatch,
    Variable,
)
from appliance.client.rows import OperationDone

__all__ = ["JobCalls"]

_ALL_ROWS = 1_000_000


class JobCalls(Base):
    """Saved and started batches, selections of jobs, logs."""

    def dry_run(self, batch: Mapping[str, Any]) -> DryRun:
        """Tell what each job of a batch would get and what would become of it; nothing starts."""
        body = {"limit": _ALL_ROWS, **batch, "dry_run": True}
        return self._post("/batches", DryRun, body)

    def check_batch(self, project: str, batch: Mapping[str, Any]) -> list[str]:
        """Tell what is wrong with the jobs of a batch, such as one read from a file."""
        body = {"project": project, "batch": batch}
        found: dict[str, Any] = self._post("/batches/check", dict[str, Any], body)
        return list(found["problems"])

    def batches(self, project: str, *, limit: int = 200) -> list[BatchRow]:
        """List the batches that were started, newest first."""
        params = {"project": project, "limit": limit}
        return self._get("/batches", Items[BatchRow], params).items

    def batch(self, key: str) -> BatchShown:
        """Give a batch that was started, with its description."""
        return self._get(f"/batches/{key}", BatchShown)

    def list_saved(self, project: str) -> list[SavedBatch]:
        """List one's own saved batches and those of a project, with their owners."""
        return self._get("/batches/saved", Items[SavedBatch], {"project": project}).items

    def forget_batch(self, project: str, name: str, *, private: bool = False) -> int:
        """Remove a saved batch; give the operation, which can be undone."""
        path = f"/batches/saved/{quote(name, safe='')}"
        params = {"project": project, "private": private}
        return self._transport.ask("DELETE", path, OperationDone, params=params).operation_id

    def variables(self, project: str) -> list[Variable]:
        """List the names for studies that batches know, one's own first."""
        return self._get("/batches/variables", Items[Variable], {"project": project}).items

    def set_variable(self, project: str, name: str, value: str, *, scope: str = "user") -> Variable:
        """Let a name stand for studies, such as ``MNI`` for ``ANALYSIS#MNI``."""
        path, body = f"/batches/variables/{quote(name, safe='')}", {"value": value, "scope": scope}
        return self._transport.ask("PUT", path, Variable, params={"project": project}, body=body)

    def forget_variable(self, project: str, name: str, *, scope: str = "user") -> None:
        """Forget a name for studies."""
        path = f"/batches/variables/{quote(name, safe='')}"
        params = {"project": project, "scope": scope}
        self._transport.ask("DELETE", path, OperationDone, params=params)

    def act_on_jobs(
        self, action: str, keys: Sequence[str] | None = None, **where: Any
    ) -> ActionsDone:
        """Do one thing to many jobs, named by key or by what they have in common.

        Parameters
        ----------
        action : str
            ``cancel``, ``hold``, ``release``, ``suspend``, ``resume``, ``retry``, ``dismiss`` or
            ``restore``.
        keys : sequence of str, optional
            The jobs; without them `where` says which.
        **where
            ``project``, ``state`` (letters), ``batch``, ``search``, ``filter`` (a list such as
            ``["name:smooth*"]``).
        """
        body = {"action": action, **_chosen(keys, where)}
        return self._post("/jobs/actions", ActionsDone, body)

    def prioritise_jobs(
        self, priority: int, keys: Sequence[str] | None = None, **where: Any
    ) -> ActionsDone:
        """Let waiting jobs start sooner (above 0) or later; `where` as in `act_on_jobs`."""
        body = {"priority": priority, **_chosen(keys, where)}
        return self._post("/jobs/priority", ActionsDone, body)

    def rerun(
        self,
        keys: Sequence[str] | None = None,
        *,
        change: Mapping[str, Any] | None = None,
        downstream: str = "needed",
        **where: Any,
    ) -> ActionsDone:
        """Run ended jobs again, after a change; earlier attempts are kept.

        Parameters
        ----------
        change : mapping, optional
            ``code``, ``args``, ``resources``, ``env``, ``precall`` and more, as in the API.
        downstream : {"needed", "all", "none"}
            Which jobs behind them run again, too.
        """
        body = {"change": change or {}, "downstream": downstream, **_chosen(keys, where)}
        return self._post("/jobs/rerun", ActionsDone, body)

    def dry_rerun(
        self,
        keys: Sequence[str] | None = None,
        *,
        change: Mapping[str, Any] | None = None,
        **where: Any,
    ) -> list[DryRow]:
        """Tell what jobs would get after a change."""
        body = {"change": change or {}, "dry_run": True, **_chosen(keys, where)}
        found: dict[str, list[DryRow]] = self._post("/jobs/rerun", dict[str, list[DryRow]], body)
        return found["rows"]

    def job_counts(self, project: str | None = None) -> OwnerCounts:
        """Count jobs by letter, one's own and those of others."""
        return self._get("/jobs/counts", OwnerCounts, {"project": project})

    def search_log(self, key: str, text: str, *, attempt: int | None = None) -> LogHits:
        """Look for a text in the log of a job."""
        params = {"text": text, "attempt": attempt, "limit": 1000}
        return self._get(f"/jobs/{key}/log/search", LogHits, params)

    def search_logs(self, text: str, keys: Sequence[str] | None = None, **where: Any) -> LogHits:
        """Look for a text in the latest logs of many jobs."""
        return self._post("/jobs/logs", LogHits, {"text": text, **_chosen(keys, where)})

    def save_log(self, key: str, path: str | Path, *, attempt: int | None = None) -> Path:
        """Write the log of one attempt, or of all, to a file."""
        query = "" if attempt is None else f"?attempt={attempt}"
        target = Path(path)
        with target.open("wb") as stream:
            self._transport.fetch(f"/jobs/{key}/log/file{query}", stream)
        return target


def _chosen(keys: Sequence[str] | None, where: Mapping[str, Any]) -> dict[str, Any]:
    return {"where": dict(where)} if keys is None else {"keys": list(keys)}
