"""Batches, jobs and logs, as the API gives and takes them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.jobs import DryRow, JobSpec
from appliance.web.schemas.base import Input

__all__ = [
    "AttemptFacts",
    "BatchAccepted",
    "BatchRequest",
    "CodeReference",
    "CodeReferences",
    "DryRun",
    "JobAction",
    "JobActions",
    "JobActionsDone",
    "JobChange",
    "JobDetail",
    "JobFile",
    "JobRow",
    "Log",
    "ReferencesRequest",
    "SavedBatch",
    "UnresolvedTarget",
]

JobAction = Literal["cancel", "suspend", "resume", "retry", "dismiss", "restore"]


class BatchRequest(Input, frozen=True):
    """A batch and the studies it runs on; `dry_run` only tells what each job would get."""

    project: str
    name: str
    jobs: list[JobSpec]
    targets: list[str]
    level: Literal["study", "subject", "project"] = "study"
    queue: str = "DPXproc"
    mode: Literal["serial", "parallel"] = "serial"
    on_error: Literal["stop", "continue"] = "stop"
    dry_run: bool = False


class UnresolvedTarget(msgspec.Struct, frozen=True):
    """A study that was not started, and why."""

    psid: str
    job: str
    problem: str


class BatchAccepted(msgspec.Struct, frozen=True):
    """A batch that runs."""

    key: str
    n_jobs: int
    unresolved: list[UnresolvedTarget]


class DryRun(msgspec.Struct, frozen=True):
    """What each job of a batch would get."""

    rows: list[DryRow]


class SavedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch kept under a name."""

    name: str
    doc: Any
    updated_at: str


class ReferencesRequest(Input, frozen=True):
    """Code whose ``$f1`` … references are looked for."""

    language: Literal["bash", "python", "matlab"]
    code: str


class CodeReference(msgspec.Struct, frozen=True):
    """A reference in code: its name and the kind of argument it makes."""

    id: str
    kind: str


class CodeReferences(msgspec.Struct, frozen=True):
    """All references in a piece of code."""

    args: list[CodeReference]


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job of the table; imports appear as rows of queue DPXimport.

    Attributes
    ----------
    letter : str
        ``q`` queued, ``r`` running, ``e`` error, ``d`` done, ``k`` killed.
    why : str
        Why it waits or how it ended.
    """

    key: str
    batch_key: str | None
    name: str
    psid: str | None
    project: str
    study_id: int | None
    subject_id: int | None
    state: str
    letter: str
    queue: str
    attempt: int
    failure: str | None
    why: str
    owner: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    wall_s: float | None
    cpus: int
    memory_mb: int
    gpus: int
    dismissed: bool = False


class AttemptFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a job."""

    n: int
    state: str
    code: int | None
    signal: int | None
    why: str
    wall_s: float | None
    cpu_s: float | None
    maxrss_kb: int | None
    suspended_s: float | None
    gpu_uuids: list[str]
    host: str
    started_at: str
    ended_at: str | None


class JobFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that attempt `n` read (``in``), made (``out``) or asked to be tagged (``tag``)."""

    n: int
    arg_id: str
    dir: str
    path: str
    file_id: int | None
    size_bytes: int | None
    tags: list[str]


class JobChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a job's state."""

    at: str
    from_state: str
    to_state: str
    actor: str
    why: str


class JobDetail(JobRow, frozen=True, kw_only=True):
    """A job with its specification, executions, files and history."""

    spec: dict[str, Any]
    attempts: list[AttemptFacts]
    files: list[JobFile]
    history: list[JobChange]


class Log(msgspec.Struct, frozen=True):
    """A piece of a log; ask again from `offset` until `done`."""

    text: str
    offset: int
    done: bool


class JobActions(Input, frozen=True):
    """One action on many jobs."""

    keys: list[str]
    action: JobAction


class JobActionsDone(msgspec.Struct, frozen=True):
    """How many jobs took the action, and why others did not."""

    n: int
    refused: dict[str, str]
