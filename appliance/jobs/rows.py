"""Jobs as people see them: rows of the table, one job in detail, pieces of a log."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec

from appliance.jobs.columns import COLUMNS, ColumnFilter, parse_filter

__all__ = [
    "DISMISSED",
    "SORTS",
    "AttemptRow",
    "BatchRow",
    "JobDetail",
    "JobFileRow",
    "JobQuery",
    "JobRow",
    "Listing",
    "LogPiece",
    "Place",
    "Placed",
    "RowSource",
]

SORTS = tuple(COLUMNS)
"""What the table can be sorted by; a listing without such a column takes all rows for alike."""
DISMISSED = "dismissed"
"""Asks for what was taken out of the table, instead of letters of states."""


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """One job in the table; times are ms UTC, times and memory used are of the present attempt.

    A `foreign` one is of someone else on a cluster, shown only.
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
    created_at: int
    started_at: int | None
    ended_at: int | None
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
    updated_at: int | None = None
    cpu_s: float | None = None
    maxrss_kb: int | None = None


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
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
    started_at: int
    ended_at: int | None
    spec: dict[str, Any] | None = None


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


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that was started, and how many of its jobs are in which state, by letter."""

    key: str
    name: str
    project: str
    owner: str
    level: str
    queue: str
    created_at: int
    n_jobs: int
    counts: dict[str, int]


class JobQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the table shows; all that is given holds.

    `letters` are such as ``"qre"``, or ``"all"`` or ``"dismissed"``: dismissed rows are in no other
    answer. `filters` are such as ``"name:smooth*"``, one for a column. A page begins behind the row
    that `after` names, or at the row with number `offset`.
    """

    project: str | None = None
    project_ids: frozenset[int] | None = None
    letters: str = "all"
    batch: str | None = None
    study_id: int | None = None
    search: str = ""
    filters: tuple[str, ...] = ()
    sort: str = "-created"
    after: str | None = None
    limit: int = 200
    offset: int = 0

    @property
    def dismissed(self) -> bool:
        """Whether the rows that were taken out of the table are asked for."""
        return self.letters == DISMISSED

    @property
    def in_some_states(self) -> bool:
        """Whether the letters leave out some states."""
        return self.letters not in ("all", DISMISSED)

    @property
    def descending(self) -> bool:
        """Whether the largest value comes first."""
        return self.sort.startswith("-")

    @property
    def column_filters(self) -> list[ColumnFilter]:
        """What columns have to hold.

        Raises
        ------
        Invalid
            If there is no such column.
        """
        return [parse_filter(text) for text in self.filters]

    @property
    def sort_name(self) -> str:
        """What to sort by, one of `SORTS`."""
        return self.sort.removeprefix("-")

    def patterns(self) -> list[str]:
        """Give a pattern for LIKE, escaped by backslash, for each word; all of them must fit."""
        plain = self.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return [f"%{word}%" for word in plain.split()]


class LogPiece(msgspec.Struct, frozen=True):
    """A piece of a log; ask again from `offset` until `done`."""

    text: str
    offset: int
    done: bool


class Place(NamedTuple):
    """Where a row stands in a sorted listing: what it is sorted by, then its id there."""

    value: int | str
    id: int


class Placed(NamedTuple):
    """A row and where it stands."""

    place: Place
    row: JobRow


class Listing(Protocol):
    """Sorted rows of the table of jobs, of one origin."""

    def rows(self, query: JobQuery, after: Place | None) -> list[Placed]:
        """Give the rows behind a place, in the query's order; one more than its limit at most.

        The query's own cursor belongs to the table as a whole and is not for a listing.
        """

    def count(self, query: JobQuery) -> int:
        """Count all rows that fit."""


class RowSource(Listing, Protocol):
    """Plug point: something else that is shown in the table of jobs, such as imports."""

    def owns(self, key: str) -> bool:
        """Tell whether a key is one of its rows."""

    def detail(self, key: str) -> JobDetail:
        """Give all of one row."""

    def read_log(self, key: str, *, offset: int = 0) -> LogPiece:
        """Give a piece of what there is to read about a row."""

    def act(self, key: str, action: str, actor: str) -> None:
        """Do what can be done to a row.

        Raises
        ------
        Conflict
            If the row, or any row of this source, does not take the action.
        """
