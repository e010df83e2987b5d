"""Between the jobs room and the API: rows of jobs with ISO times, actions, and batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.catalog import Caller
from appliance.core import Invalid, iso
from appliance.jobs import BatchSpec, JobQuery
from appliance.web.schemas import (
    AttemptFacts,
    BatchAccepted,
    BatchRequest,
    BatchRow,
    BatchShown,
    DryPiece,
    DryRun,
    JobActionsDone,
    JobChange,
    JobDetail,
    JobFile,
    JobFilter,
    JobRow,
    SavedBatch,
    UnresolvedTarget,
)
from appliance.web.scope import check_jobs, check_project, rights_in
from appliance.web.views import maybe_iso

if TYPE_CHECKING:
    from appliance import jobs
    from appliance.web.services import Services

__all__ = [
    "accepted",
    "acted",
    "batch_row",
    "batch_shown",
    "batch_spec",
    "chosen",
    "detail",
    "plain",
    "query_of",
    "row",
    "saved",
    "tried",
    "tried_lines",
]

_NOT_OF_A_SPEC = ("targets", "dry_run", "limit", "format", "description")
_FIRST = {"problem": 0, "leave_out": 2, "skip": 2}


def batch_spec(data: BatchRequest) -> BatchSpec:
    """Give the batch of a request, without what it runs on."""
    facts = {n: v for n, v in msgspec.structs.asdict(data).items() if n not in _NOT_OF_A_SPEC}
    return BatchSpec(**facts | {"jobs": tuple(data.jobs)})


def accepted(done: jobs.Submitted) -> BatchAccepted:
    """Show that a batch was taken."""
    unresolved = [UnresolvedTarget(one.psid, one.job, one.problem) for one in done.unresolved]
    skipped = [UnresolvedTarget(one.psid, one.job, one.problem) for one in done.skipped]
    return BatchAccepted(done.key, done.n_jobs, unresolved, skipped)


def tried(rows: Sequence[jobs.DryRow], limit: int) -> DryRun:
    """Show a dry run: what needs a person first, and how many there are of each."""
    order = sorted(rows, key=lambda r: _FIRST.get(r.action, 1 if r.findings else 2))
    counts = dict(Counter(str(one.action) for one in rows))
    return DryRun(order[: max(0, limit)], len(rows), counts)


def tried_lines(found: jobs.DryPieces, limit: int) -> Iterator[bytes]:
    """Show a dry run bit by bit, as lines of JSON; half the rows at most are plain ones."""
    counts, n, plain_left, left = Counter[str](), 0, limit // 2, limit
    for rows in found.pieces:
        n += len(rows)
        counts.update(str(one.action) for one in rows)
        shown = []
        for one in rows:
            is_plain = one.action != "problem" and not one.findings
            if left > 0 and (plain_left > 0 or not is_plain):
                shown.append(one)
                left, plain_left = left - 1, plain_left - is_plain
        yield msgspec.json.encode(DryPiece(n, found.total, dict(counts), shown)) + b"\n"


def batch_row(one: jobs.BatchRow) -> BatchRow:
    """Show a batch that was started."""
    return BatchRow(**msgspec.structs.asdict(one) | {"created_at": iso(one.created_at)})


def batch_shown(found: jobs.BatchDetail) -> BatchShown:
    """Show a batch with its description; where it says no project or targets it can be saved."""
    facts = msgspec.structs.asdict(batch_row(found.row))
    return BatchShown(**facts, doc=found.spec, targets=found.targets)


def saved(one: jobs.SavedBatch) -> SavedBatch:
    """Show a saved batch."""
    return SavedBatch(**msgspec.structs.asdict(one) | {"updated_at": iso(one.updated_at)})


def plain(value: msgspec.Struct) -> dict[str, Any]:
    """Give a value as JSON knows it."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


def query_of(asked: JobFilter, project_ids: frozenset[int] | None) -> JobQuery:
    """Turn a filter of jobs into a question to the table."""
    return JobQuery(
        project=asked.project,
        project_ids=project_ids,
        letters=asked.state,
        batch=asked.batch,
        study_id=asked.study_id,
        search=asked.search,
        filters=asked.filter,
    )


def chosen(
    services: Services, who: Caller, keys: Sequence[str], where: JobFilter | None
) -> JobQuery | Sequence[str]:
    """Check that a caller may touch the jobs it chose, by key or by a filter.

    Raises
    ------
    Invalid
        If it says neither, or both.
    NotFound, Refused
        If it may not touch one of them.
    """
    if bool(keys) == (where is not None):
        raise Invalid("name jobs either by keys or by a filter", hint="Use keys, or where.")
    with services.catalog.read() as con:
        if where is None:
            check_jobs(con, who, keys)
            return keys
        if where.project is not None:
            check_project(con, who, where.project)
    return query_of(where, _with_right(who))


def acted(outcome: jobs.Outcome, refused: Mapping[str, str]) -> JobActionsDone:
    """Show what became of an action; `refused` are rows of other sources that did not take it."""
    n = outcome.n + len(outcome.unknown) - len(refused)
    return JobActionsDone(n, outcome.refused | dict(refused), outcome.n_refused + len(refused))


def _with_right(who: Caller) -> frozenset[int] | None:
    """Give the projects in which a caller has the right of the route; None: in all."""
    if who.everywhere:
        return None
    return frozenset(one for one in who.grants if who.asked in rights_in(who, one))


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
        "updated_at": maybe_iso(job.updated_at),
    }
    return {**msgspec.structs.asdict(job), **times}


def _attempt(one: jobs.AttemptRow) -> AttemptFacts:
    times = {"started_at": iso(one.started_at), "ended_at": maybe_iso(one.ended_at)}
    return AttemptFacts(**{**msgspec.structs.asdict(one), **times})
