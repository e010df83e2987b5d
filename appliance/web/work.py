"""Between the jobs room and the API: rows of jobs, logs, actions, and submitting batches."""

from __future__ import annotations

from typing import Any

from appliance.jobs import BatchSpec
from appliance.web.schemas import (
    BatchAccepted,
    CodeReferences,
    DryRun,
    JobActionsDone,
    JobDetail,
    JobRow,
    Log,
    Page,
)
from appliance.web.services import Services

__all__ = ["act", "act_on_many", "list_jobs", "read_log", "references", "show_job", "submit"]


def submit(
    services: Services, spec: BatchSpec, targets: list[str], actor: str, *, dry_run: bool
) -> BatchAccepted | DryRun:
    """Submit a batch, or try it."""
    raise NotImplementedError


def references(language: str, code: str) -> CodeReferences:
    """Find references in code."""
    raise NotImplementedError


def list_jobs(services: Services, **query: Any) -> Page[JobRow]:
    """Give a page of jobs."""
    raise NotImplementedError


def show_job(services: Services, key: str) -> JobDetail:
    """Give a job."""
    raise NotImplementedError


def read_log(services: Services, key: str, offset: int, attempt: int | None) -> Log:
    """Give a piece of a log."""
    raise NotImplementedError


def act(services: Services, key: str, action: str, actor: str) -> JobRow:
    """Do something to a job."""
    raise NotImplementedError


def act_on_many(services: Services, keys: list[str], action: str, actor: str) -> JobActionsDone:
    """Do something to many jobs."""
    raise NotImplementedError
