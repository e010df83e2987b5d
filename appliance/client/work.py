"""The part of the client that starts batches, and follows their jobs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from appliance.client.base import Base, Items, PageOf
from appliance.client.rows import BatchAccepted, JobRow, Log, StudyRow
from appliance.core import JobError, PeerError

__all__ = ["WorkCalls"]

_UNFINISHED = frozenset({"q", "r"})


class WorkCalls(Base):
    """Batches and jobs."""

    def tools(self) -> list[dict[str, Any]]:
        """List the predefined jobs."""
        return self._get("/tools", Items[dict[str, Any]]).items

    def launch(
        self,
        project: str,
        job: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        targets: Sequence[str | StudyRow],
        *,
        name: str = "",
        **more: Any,
    ) -> BatchAccepted:
        """Start a job, or several as one batch, on studies.

        Parameters
        ----------
        job : mapping, or sequence of mapping
            ``name``, and ``tool`` or ``language`` and ``code``; ``args`` is a list as in the
            API, or a mapping such as ``{"f1": "t1*.nii"}`` for files that the job reads.
        targets : sequence
            ``PID#SID``, or rows of studies.
        name : str
            Name of the batch; by default that of its first job.
        **more
            Whatever else a batch may say: ``level``, ``queue``, ``mode``, ``on_error``.
        """
        jobs = [_job(one) for one in ([job] if isinstance(job, Mapping) else job)]
        psids = [one.psid if isinstance(one, StudyRow) else one for one in targets]
        body = {"project": project, "jobs": jobs, "targets": psids, **more}
        return self.submit_batch({"name": name or str(jobs[0]["name"]), **body})

    def wait(
        self, batch: str | BatchAccepted, *, within_s: float | None = None, poll_s: float = 0.5
    ) -> list[JobRow]:
        """Wait until all jobs of a batch have ended, and give them; some may have failed.

        Raises
        ------
        PeerError
            If that takes longer than `within_s`.
        """
        key = batch if isinstance(batch, str) else batch.key
        until = None if within_s is None else time.monotonic() + within_s
        while True:
            jobs = self.all_jobs(batch=key)
            running = [job for job in jobs if job.letter in _UNFINISHED]
            if not running:
                return jobs
            if until is not None and time.monotonic() > until:
                raise PeerError(f"{len(running)} jobs still run after {within_s:g} s")
            time.sleep(poll_s)

    def run(
        self,
        project: str,
        job: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        targets: Sequence[str | StudyRow],
        **more: Any,
    ) -> list[JobRow]:
        """Start a batch as `launch` does, wait for its end, and insist that all went well.

        Raises
        ------
        JobError
            If a job could not be started, or has failed.
        """
        accepted = self.launch(project, job, targets, **more)
        jobs = self.wait(accepted)
        problems = [f"{one.psid}: {one.problem}" for one in accepted.unresolved]
        problems += [f"{one.psid}: {one.why or one.state}" for one in jobs if one.letter != "d"]
        if problems:
            hint = "Read the log of a job with log(key)."
            raise JobError(f"{len(problems)} jobs failed: {problems[0]}", hint=hint)
        return jobs

    def submit_batch(self, batch: Mapping[str, Any]) -> BatchAccepted:
        """Start a batch: ``project``, ``name``, ``jobs``, ``targets`` and more, as in the API."""
        return self._post("/batches", BatchAccepted, {**batch, "dry_run": False})

    def save_batch(
        self, project: str, name: str, batch: Mapping[str, Any], *, private: bool = False
    ) -> None:
        """Keep a batch under a name, for all of the project or for oneself."""
        path = f"/batches/saved/{quote(name, safe='')}"
        params = {"project": project, "private": private}
        self._transport.ask("PUT", path, dict[str, Any], params=params, body=batch)

    def saved_batches(self, project: str) -> dict[str, dict[str, Any]]:
        """Give the saved batches of a project, and those for all projects, by name."""
        found = self._get("/batches/saved", Items[dict[str, Any]], {"project": project}).items
        return {one["name"]: one["doc"] for one in found}

    def try_batch(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Tell what each job of a batch would get, and start nothing."""
        found: dict[str, list[dict[str, Any]]] = self._post(
            "/batches", dict[str, Any], {**batch, "dry_run": True}
        )
        return found["rows"]

    def all_jobs(self, **filters: Any) -> list[JobRow]:
        """Give all jobs, newest first.

        Parameters
        ----------
        **filters
            ``batch``, ``project``, ``state``, ``search``, ``sort``, and ``filter``, a list such as
            ``["name:smooth*", "wall_s:>60"]``.
        """
        return list(self._pages("/jobs", PageOf[JobRow], filters))

    def job(self, key: str) -> JobRow:
        """Give one job."""
        return self._get(f"/jobs/{key}", JobRow)

    def log(self, key: str, *, offset: int = 0, attempt: int | None = None) -> Log:
        """Give the log of a job from an offset on."""
        return self._get(f"/jobs/{key}/log", Log, {"offset": offset, "attempt": attempt})

    def job_action(self, key: str, action: str) -> JobRow:
        """Cancel, hold, release, suspend, resume, retry or dismiss a job."""
        return self._post(f"/jobs/{key}/{action}", JobRow)


def _job(job: Mapping[str, Any]) -> dict[str, Any]:
    args = job.get("args", [])
    if isinstance(args, Mapping):
        args = [{"id": name, "kind": "FILE", "value": value} for name, value in args.items()]
    return {"name": job.get("tool", "job"), **job, "args": args}
