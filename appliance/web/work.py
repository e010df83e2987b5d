"""Between the jobs room and the API: rows of jobs with ISO times, actions, and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import iso
from appliance.web.schemas import (
    AttemptFacts,
    BatchAccepted,
    JobChange,
    JobDetail,
    JobFile,
    JobRow,
    UnresolvedTarget,
)
from appliance.web.views import maybe_iso

if TYPE_CHECKING:
    from appliance import jobs

__all__ = ["accepted", "detail", "row"]


def accepted(done: jobs.Submitted) -> BatchAccepted:
    """Show that a batch was taken."""
    unresolved = [UnresolvedTarget(one.psid, one.job, one.problem) for one in done.unresolved]
    return BatchAccepted(done.key, done.n_jobs, unresolved)


def row(job: jobs.JobRow) -> JobRow:
    """Show a job in the table."""
    return JobRow(**_facts(job))


def detail(job: jobs.JobDetail) -> JobDetail:
    """Show all of a job."""
    return JobDetail(
        **_facts(job.row),
        spec=job.spec,
        attempts=[_attempt(one) for one in job.attempts],
        files=[msgspec.convert(one, JobFile, from_attributes=True) for one in job.files],
        history=[JobChange(**{**change, "at": iso(change["at"])}) for change in job.history],
    )


def _facts(job: jobs.JobRow) -> dict[str, Any]:
    times = {
        "created_at": iso(job.created_at),
        "started_at": maybe_iso(job.started_at),
        "ended_at": maybe_iso(job.ended_at),
    }
    return {**msgspec.structs.asdict(job), **times}


def _attempt(one: jobs.AttemptRow) -> AttemptFacts:
    times = {"started_at": iso(one.started_at), "ended_at": maybe_iso(one.ended_at)}
    return AttemptFacts(**{**msgspec.structs.asdict(one), **times})
