"""What the API answers about batches and many jobs, as far as programs use it."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "ActionsDone",
    "BatchRow",
    "BatchShown",
    "DryRow",
    "DryRun",
    "Finding",
    "LogHit",
    "LogHits",
    "OwnerCounts",
    "SavedBatch",
    "Variable",
]


class Finding(msgspec.Struct, frozen=True):
    """Something about one argument that a person may want to decide."""

    arg: str
    kind: str
    text: str
    problem: bool
    n: int
    paths: list[str]
    choices: list[str]
    chosen: str | None


class DryRow(msgspec.Struct, frozen=True):
    """What one job would get; `action` is run, skip, leave_out or problem."""

    psid: str
    job: str
    args: dict[str, list[str]]
    problem: str | None
    position: int
    action: str
    reason: str
    findings: list[Finding]


class DryRun(msgspec.Struct, frozen=True):
    """What a batch would do, problems first; `counts` are of all rows by their action."""

    rows: list[DryRow]
    total: int
    counts: dict[str, int]


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that was started; `counts` are of its jobs by letter."""

    key: str
    name: str
    project: str
    owner: str
    level: str
    queue: str
    created_at: str
    n_jobs: int
    counts: dict[str, int]


class BatchShown(BatchRow, frozen=True, kw_only=True):
    """A batch with its description and its targets."""

    doc: dict[str, Any]
    targets: list[str]


class SavedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch kept under a name, one's own (`private`) or for all of the project."""

    name: str
    doc: dict[str, Any]
    updated_at: str
    owner: str
    private: bool
    may_change: bool


class Variable(msgspec.Struct, frozen=True):
    """A name for studies; `scope` is user or project."""

    name: str
    value: str
    scope: str


class ActionsDone(msgspec.Struct, frozen=True):
    """How many jobs took an action and how many did not, and why for some, by key."""

    n: int
    refused: dict[str, str]
    n_refused: int


class OwnerCounts(msgspec.Struct, frozen=True):
    """Jobs by letter: one's own and those of others."""

    own: dict[str, int]
    others: dict[str, int]


class LogHit(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log; `offset` is its first byte."""

    key: str
    attempt: int
    line: int
    offset: int
    text: str


class LogHits(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in logs: in how many lines and logs, and the first lines."""

    items: list[LogHit]
    n: int
    n_logs: int
    complete: bool
