"""How files were made, as the API shows it; the answers themselves are values of the jobs room."""

from __future__ import annotations

import msgspec

from appliance.jobs import RecomputeStep
from appliance.web.schemas.base import Input

__all__ = ["Recompute", "RecomputePlan", "ReplayStarted"]


class Recompute(Input, frozen=True):
    """What to bring up to date: files, studies, subjects, or all of a project that is out of date.

    Attributes
    ----------
    dry_run : bool
        Only tell which jobs would run.
    """

    project: str
    files: list[int] | None = None
    studies: list[int] | None = None
    subjects: list[int] | None = None
    dry_run: bool = False


class RecomputePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of the jobs that run, in their order, and why others cannot.

    Attributes
    ----------
    n : int
        How many were queued; 0 for a dry run.
    steps : list of RecomputeStep
        Of a dry run: what the first of the jobs make, and why.
    """

    n_files: int
    jobs: list[str]
    refused: dict[str, str]
    n: int = 0
    steps: list[RecomputeStep] = msgspec.field(default_factory=list)


class ReplayStarted(msgspec.Struct, frozen=True):
    """The job of a replay, whose report is at ``/jobs/{key}/replay``."""

    job_key: str
