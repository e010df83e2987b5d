"""Batches, jobs and logs, as the API gives and takes them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.jobs import Choice, DryRow, JobSpec
from appliance.web.schemas.base import Input
from appliance.web.schemas.batches import JobFilter

__all__ = [
    "AttemptFacts",
    "BatchAccepted",
    "BatchRequest",
    "CodeReference",
    "CodeReferences",
    "DryPiece",
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
    "UnresolvedTarget",
]

JobAction = Literal["cancel", "hold", "release", "suspend", "resume", "retry", "dismiss", "restore"]


class BatchRequest(Input, frozen=True):
    """A batch and the studies it runs on; `dry_run` only tells what each job would get.

    Attributes
    ----------
    mode : {"serial", "parallel"}
        Jobs of one study wait for each other, or do not.
    group : {"none", "subject", "batch"}
        Studies run side by side; those of one subject after each other; or all of them in
        `n_groups` rows, one after another within each.
    immediate : bool
        Before all that waits.
    skip_done : bool
        Leave out jobs whose outputs exist, are newer than their inputs and were made by the same.
    choices : list of Choice
        What to do in cases that a dry run found.
    limit : int
        Most rows that a dry run gives, problems first; it counts all.
    format, description : str
        As in a saved or exported batch; nothing is made of them.
    """

    project: str
    name: str
    jobs: list[JobSpec]
    targets: list[str]
    level: Literal["study", "subject", "project"] = "study"
    queue: str = ""
    mode: Literal["serial", "parallel"] = "serial"
    on_error: Literal["stop", "continue"] = "stop"
    priority: int = 0
    group: Literal["none", "subject", "batch"] = "none"
    n_groups: int = 1
    immediate: bool = False
    skip_done: bool = False
    choices: tuple[Choice, ...] = ()
    dry_run: bool = False
    limit: int = 5000
    format: str = ""
    description: str = ""


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
    skipped: list[UnresolvedTarget] = []


class DryRun(msgspec.Struct, frozen=True):
    """What each job of a batch would get: how many rows there are, by their action, and the rows.

    Problems come first, then what was found worth a look, then the rest.
    """

    rows: list[DryRow]
    total: int = 0
    counts: dict[str, int] = {}


class DryPiece(msgspec.Struct, frozen=True):
    """A line of a dry run that comes bit by bit: `n` of `total` rows were looked at by now.

    Of the rows that need nobody only some are given; `counts` are of all so far, by action.
    """

    n: int
    total: int
    counts: dict[str, int]
    rows: list[DryRow]


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
    function : str
        What it runs: the id of a tool, or a language.
    position : int
        Place in its batch's list of jobs, from 0.
    adapter : str
        Where it runs: ``local``, or the name of a cluster.
    foreign : bool
        Of someone else on a cluster: shown, no more.
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
    function: str = ""
    batch_name: str = ""
    position: int = 0
    adapter: str = ""
    foreign: bool = False
    priority: int = 0
    on_error: str = "break"
    updated_at: str | None = None
    cpu_s: float | None = None
    maxrss_kb: int | None = None


class AttemptFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a job; `spec` is what it ran where the job was edited since."""

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
    spec: dict[str, Any] | None = None


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
    """One action on many jobs: those named by key, or all that fit a filter."""

    action: JobAction
    keys: tuple[str, ...] = ()
    where: JobFilter | None = None


class JobActionsDone(msgspec.Struct, frozen=True):
    """How many jobs took the action and how many did not, and why for some of these, by key."""

    n: int
    refused: dict[str, str]
    n_refused: int = 0
