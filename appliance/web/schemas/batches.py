"""Batches that were started or saved, selections of jobs, and what is done to them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.jobs import DryRow, Edit, Variable
from appliance.web.schemas.base import Input

__all__ = [
    "BatchCheck",
    "BatchChecked",
    "BatchRow",
    "BatchShown",
    "JobFilter",
    "LogSearch",
    "OwnerCounts",
    "Rerun",
    "RerunTried",
    "SavedBatch",
    "VariableValue",
    "Variables",
]


class SavedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch kept under a name: one's own (`private`) or for all of the project.

    Attributes
    ----------
    owner : str
        Who may change it, beside who manages the project; empty: all who may run batches.
    may_change : bool
        Whether the caller may.
    """

    name: str
    doc: Any
    updated_at: str
    owner: str = ""
    private: bool = False
    may_change: bool = True


class BatchCheck(Input, frozen=True):
    """A description of a batch, such as a file that is imported."""

    project: str
    batch: dict[str, Any]


class BatchChecked(msgspec.Struct, frozen=True):
    """The description as it is understood, complete, and what is wrong with its jobs."""

    batch: dict[str, Any]
    problems: list[str]


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
    """A batch with its description and its targets, to be loaded again."""

    doc: dict[str, Any]
    targets: list[str]


class Variables(msgspec.Struct, frozen=True):
    """Names for studies: the caller's own, which count first, then those of the project."""

    items: list[Variable]


class VariableValue(Input, frozen=True):
    """What a name stands for: ``PID#SID`` or ``[selectionpatient]#OLDEST``."""

    value: str
    scope: Literal["user", "project"] = "user"


class JobFilter(Input, frozen=True):
    """Jobs by what they have in common, as the table of jobs filters; all that is given holds.

    Attributes
    ----------
    state : str
        Letters such as ``qre``, ``all`` or ``dismissed``.
    filter : list of str
        ``column:what`` for columns.
    """

    project: str | None = None
    state: str = "all"
    batch: str | None = None
    study_id: int | None = None
    search: str = ""
    filter: tuple[str, ...] = ()


class Rerun(Input, frozen=True):
    """Jobs that run again after a change; `dry_run` only tells what they would get.

    `downstream`: of the jobs behind them those that were skipped run again (``needed``), all that
    have ended (``all``), or ``none``.
    """

    keys: tuple[str, ...] = ()
    where: JobFilter | None = None
    change: Edit = Edit()
    downstream: Literal["needed", "all", "none"] = "needed"
    dry_run: bool = False


class RerunTried(msgspec.Struct, frozen=True):
    """What edited jobs would get."""

    rows: list[DryRow]


class OwnerCounts(msgspec.Struct, frozen=True):
    """How many jobs of the caller and of others are in which state, by letter."""

    own: dict[str, int]
    others: dict[str, int]


class LogSearch(Input, frozen=True):
    """A text to look for in the latest logs of jobs."""

    text: str
    keys: tuple[str, ...] = ()
    where: JobFilter | None = None
    limit: int = 200
