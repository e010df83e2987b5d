"""What somebody decided about cases that a dry run found, applied to the job of one target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from appliance.jobs.plan import Plan
from appliance.jobs.structs import Argument, Choice, Decision

__all__ = ["chosen_plan", "decision"]

_TAKES: tuple[Decision, ...] = ("first", "last", "all")


def decision(
    choices: Iterable[Choice],
    psid: str,
    position: int,
    arg: str | None = None,
    kind: str | None = None,
    *,
    among: Sequence[Decision],
) -> Decision | None:
    """Give what was decided for a case; the choice that names most counts, of equals the last.

    Parameters
    ----------
    arg, kind : str, optional
        The argument and what was found; without them only choices about whole jobs count.
    among : sequence of str
        Decisions that make sense here.
    """
    best: tuple[int, Decision] | None = None
    for one in choices:
        wanted = ((one.psid, psid), (one.job, position), (one.arg, arg), (one.kind, kind))
        if one.do in among and all(said is None or said == there for said, there in wanted):
            weight = sum(said is not None for said, _ in wanted)
            if best is None or weight >= best[0]:
                best = weight, one.do
    return None if best is None else best[1]


def chosen_plan(plan: Plan, choices: Sequence[Choice], psid: str) -> Plan:
    """Give the job of a target with what was decided about its files."""
    if not choices:
        return plan
    args = tuple(_chosen(arg, choices, psid, plan.position) for arg in plan.args)
    return msgspec.structs.replace(plan, job=msgspec.structs.replace(plan.job, args=args))


def _chosen(arg: Argument, choices: Sequence[Choice], psid: str, position: int) -> Argument:
    if arg.kind != "FILE":
        return arg
    without = decision(choices, psid, position, arg.id, "no_match", among=("without",))
    take = decision(choices, psid, position, arg.id, "many", among=_TAKES)
    changes: dict[str, Any] = {"optional": True} if without else {}
    changes |= {"take": take} if take else {}
    return msgspec.structs.replace(arg, **changes)
