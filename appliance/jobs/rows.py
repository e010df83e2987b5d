"""Jobs as people see them: rows of the table, one job in detail, pieces of a log."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

__all__ = ["AttemptRow", "JobDetail", "JobFileRow", "JobQuery", "JobRow", "LogPiece", "RowSource"]


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job in the table; times are ms UTC, `wall_s` is of the present attempt."""

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
    created_at: int
    started_at: int | None
    ended_at: int | None
    wall_s: float | None
    cpus: int
    memory_mb: int
    gpus: int


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
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
    started_at: int
    ended_at: int | None


class JobFileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file that an attempt read (``in``), made (``out``) or asked to be tagged (``tag``)."""

    n: int
    arg_id: str
    dir: str
    path: str
    file_id: int | None
    study_id: int | None
    size_bytes: int | None
    tags: list[str]


class JobDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A job with its specification, attempts, files and history."""

    row: JobRow
    spec: dict[str, Any]
    attempts: list[AttemptRow]
    files: list[JobFileRow]
    history: list[dict[str, Any]]


class JobQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the table shows: `letters` such as ``"qre"`` or ``"all"``; all that is given holds."""

    project: str | None = None
    letters: str = "all"
    batch: str | None = None
    study_id: int | None = None
    search: str = ""
    sort: str = "-created"
    after: str | None = None
    limit: int = 200


class LogPiece(msgspec.Struct, frozen=True):
    """A piece of a log; ask again from `offset` until `done`."""

    text: str
    offset: int
    done: bool


class RowSource(Protocol):
    """Plug point: something else that is shown in the table of jobs, such as imports."""

    def rows(self, query: JobQuery) -> list[JobRow]:
        """List rows that fit, newest first; they stand on the first page."""
