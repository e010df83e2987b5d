"""What a batch would do: each job for each target with its files, findings and its fate."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from appliance.catalog import Project
from appliance.core import DataFolder, is_any_file
from appliance.jobs.choices import chosen_plan, decision
from appliance.jobs.done import judge_done
from appliance.jobs.plan import Plan, Targets
from appliance.jobs.resolve import OutputPath, Resolved, resolve
from appliance.jobs.structs import Action, BatchSpec, DryRow, Finding

__all__ = ["Chain", "Look", "Step", "dry_row", "walk"]

_DROPS = ("skip", "leave_out")


@dataclass(frozen=True)
class Chain:
    """One run of a batch's jobs, in order."""

    psid: str
    targets: Targets


@dataclass(frozen=True)
class Step:
    """One job of a chain: what was found, and what becomes of it."""

    plan: Plan
    found: Resolved
    action: Action
    reason: str

    @property
    def problem(self) -> str | None:
        """What keeps it from starting."""
        return "; ".join(self.found.problems) or None


class Look:
    """One look at all chains of a batch, some at a time.

    Parameters
    ----------
    folder, project, spec, plans
        The batch.
    hasty : bool
        Look only at what decides which jobs wait.
    """

    def __init__(
        self,
        folder: DataFolder,
        project: Project,
        spec: BatchSpec,
        plans: Sequence[Plan],
        *,
        hasty: bool = False,
    ) -> None:
        self._folder, self._project, self._spec, self._plans = folder, project, spec, plans
        decided = spec.skip_done or any(one.do in _DROPS for one in spec.choices)
        self._heads = hasty and spec.mode == "serial" and not decided
        self._writers: dict[str, tuple[str, int]] = {}

    def at(self, con: sqlite3.Connection, chain: Chain) -> list[Step]:
        """Look at the jobs of a chain, with those before it in mind."""
        self._con = con
        return self._first(self._plans, chain) if self._heads else self._all(self._plans, chain)

    def _first(self, plans: Sequence[Plan], chain: Chain) -> list[Step]:
        """Look at the first job of a chain; the others are looked up when they start."""
        chosen = [chosen_plan(plan, self._spec.choices, chain.psid) for plan in plans]
        rest = [Step(plan, Resolved(), "run", "") for plan in chosen[1:]]
        return [self._step(chosen[0], chain, [], []), *rest]

    def _all(self, plans: Sequence[Plan], chain: Chain) -> list[Step]:
        """Look at all jobs of a chain."""
        promised: list[OutputPath] = []
        fresh: list[OutputPath] = []
        steps = []
        for general in plans:
            plan = chosen_plan(general, self._spec.choices, chain.psid)
            step = self._step(plan, chain, promised, fresh)
            steps.append(step)
            if self._spec.mode == "serial":
                promised += step.found.outputs
                fresh += step.found.outputs if step.action == "run" else []
        return steps

    def _step(
        self, plan: Plan, chain: Chain, promised: list[OutputPath], fresh: list[OutputPath]
    ) -> Step:
        found = resolve(
            self._con, self._folder, self._project, plan, chain.targets, promised=promised
        )
        self._look_at_outputs(plan, chain, found)
        action, reason = self._fate(plan, chain, found, fresh)
        return Step(plan, found, action, reason)

    def _look_at_outputs(self, plan: Plan, chain: Chain, found: Resolved) -> None:
        """Add what is in the way of outputs: one that exists, or one that two jobs would write."""
        for output in found.outputs:
            if output.is_folder:
                continue
            here = chain.psid, plan.position
            other = self._writers.setdefault(str(output.path), here)
            if other != here:
                of = f" of {other[0]}" if other[0] else ""
                text = f"{output.path.name} would also be written by job {other[1] + 1}{of}"
                found.findings.append(Finding(output.arg_id, "clash", text, choices=("leave_out",)))
            if is_any_file(output.path):
                found.findings.append(self._exists(plan, chain, output))

    def _exists(self, plan: Plan, chain: Chain, output: OutputPath) -> Finding:
        do = decision(
            self._spec.choices,
            chain.psid,
            plan.position,
            output.arg_id,
            "exists",
            among=("skip", "overwrite"),
        )
        return Finding(
            output.arg_id,
            "exists",
            f"{output.path.name} exists",
            n=1,
            paths=(str(output.path),),
            choices=("overwrite", "skip", "leave_out"),
            chosen=do or "overwrite",
        )

    def _fate(
        self, plan: Plan, chain: Chain, found: Resolved, fresh: Sequence[OutputPath]
    ) -> tuple[Action, str]:
        if self._left_out(plan, chain, found):
            return "leave_out", "left out"
        if found.problems:
            return "problem", "; ".join(found.problems)
        kept = [one for one in found.findings if one.kind == "exists" and one.chosen == "skip"]
        if kept and len(kept) == sum(not output.is_folder for output in found.outputs):
            return "skip", "its outputs exist"
        if not self._spec.skip_done:
            return "run", ""
        verdict = judge_done(self._con, plan, found, fresh)
        return ("skip" if verdict.done else "run"), verdict.reason

    def _left_out(self, plan: Plan, chain: Chain, found: Resolved) -> bool:
        cases = [(None, None), *((one.arg, one.kind) for one in found.findings)]
        choices, position = self._spec.choices, plan.position
        return any(
            decision(choices, chain.psid, position, *case, among=("leave_out",)) for case in cases
        )


def walk(
    con: sqlite3.Connection,
    folder: DataFolder,
    project: Project,
    spec: BatchSpec,
    *,
    plans: Sequence[Plan],
    chains: Iterable[Chain],
    hasty: bool = False,
) -> Iterator[tuple[Chain, list[Step]]]:
    """Look at all jobs of all chains, outputs of earlier jobs of a chain included.

    When `hasty`, only at what decides which jobs wait.
    """
    look = Look(folder, project, spec, plans, hasty=hasty)
    for chain in chains:
        yield chain, look.at(con, chain)


def dry_row(chain: Chain, step: Step) -> DryRow:
    """Show a step in the table of a dry run."""
    return DryRow(
        chain.psid,
        step.plan.job.name,
        step.found.values,
        step.problem,
        step.plan.position,
        step.action,
        step.reason,
        tuple(step.found.findings),
    )
