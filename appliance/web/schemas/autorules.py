"""Rules of autoexecution, what they did, and what they would do."""

from __future__ import annotations

import msgspec

from appliance.jobs import AutoRule
from appliance.web.schemas.base import Input

__all__ = ["AutoFiring", "AutoRuleRow", "AutoRun", "AutoTry"]


class AutoRuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule; `owner` is who saved it last, with whose rights it runs.

    `outdated`: the saved batch has changed since; the rule runs it as it was. `problem` says why
    it cannot run now.
    """

    name: str
    owner: str
    may_change: bool
    rule: AutoRule
    outdated: bool
    problem: str
    counts: dict[str, int]
    updated_at: str


class AutoFiring(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one arrival by one rule."""

    rule: str
    psid: str
    state: str
    why: str
    batch_key: str | None
    due_at: str
    updated_at: str


class AutoTry(Input, frozen=True):
    """A rule to be tried on studies that are there; without `targets` on all of the project."""

    rule: AutoRule
    targets: tuple[str, ...] | None = None
    limit: int = 500


class AutoRun(Input, frozen=True):
    """Rules to be run now: those named, or all that are switched on.

    `queue` is used in place of their own; `force` takes studies that they would leave out, too.
    """

    targets: tuple[str, ...]
    names: tuple[str, ...] = ()
    queue: str = ""
    force: bool = False
