"""The values of autoexecution: rules, what they would do, and what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import msgspec

__all__ = [
    "Arrival",
    "Arrivals",
    "AutoRule",
    "Firing",
    "FiringState",
    "RuleFacts",
    "RuleTried",
    "Verdict",
]

FiringState = Literal["waiting", "submitted", "skipped", "superseded", "failed"]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class AutoRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to run by itself when a study has arrived.

    Attributes
    ----------
    batch : str
        Name of a saved batch, one's own when `private`.
    queue : str
        Where its jobs wait; empty: where the batch says.
    level : {"", "study", "subject"}
        Whether it runs on the study, or on its subject with all studies; empty: as the batch says.
    requires : str
        A filter as in the bar of files; only studies that it finds are taken. Empty: all.
    done : str
        The same; studies that it finds are done already, and are left out.
    quiet_minutes : float
        How long nothing more may have arrived for the study.
    min_files : int
        Studies to which fewer files have come are left out.
    chunk : int
        How many studies go into one batch at most.
    routed : bool
        Whether it runs only on arrivals for which a routing rule names it.
    """

    batch: str
    private: bool = False
    queue: str = ""
    level: Literal["", "study", "subject"] = ""
    requires: str = ""
    done: str = ""
    quiet_minutes: Annotated[float, msgspec.Meta(ge=0, le=10_080)] = 2.0
    min_files: _Count = 1
    chunk: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    routed: bool = False
    enabled: bool = True


class RuleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is kept.

    Attributes
    ----------
    owner : str
        Who saved it last: its batches run with the rights of that user.
    outdated : bool
        The saved batch has changed, or is gone, since the rule was saved: the rule runs it as it
        was then.
    problem : str
        Why it cannot run now; empty: it can.
    counts : dict
        How many firings there are by state.
    """

    name: str
    owner: str
    may_change: bool
    rule: AutoRule
    outdated: bool
    problem: str
    counts: dict[str, int]
    updated_at: int


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one arrival by one rule; `psid` is a subject's id at that level."""

    rule: str
    psid: str
    state: FiringState
    why: str
    batch_key: str | None
    due_at: int
    updated_at: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a rule takes a study, or a subject, and why not; `batch_key` when it ran."""

    psid: str
    action: Literal["run", "skip", "failed"]
    why: str = ""
    rule: str = ""
    batch_key: str | None = None


class RuleTried(msgspec.Struct, frozen=True):
    """What a rule would do to studies that are there: the first rows, and how many in all."""

    rows: list[Verdict]
    total: int
    counts: dict[str, int]


class Arrival(msgspec.Struct, frozen=True):
    """Studies of one project to which something has come, all of it now there.

    `fire` names rules that are to run on it, also those that run only when they are named;
    `queue` takes their jobs, empty: the queue of each rule.
    """

    project_id: int
    study_ids: Sequence[int]
    at: int
    fire: Sequence[str] = ()
    queue: str = ""


class Arrivals(Protocol):
    """Tells what has arrived; wired to the room that knows."""

    def since(self, seq: int) -> tuple[Sequence[Arrival], int]:
        """Give arrivals after a place in the catalog's sequence, and the place reached.

        The same arrival may be told again.
        """
