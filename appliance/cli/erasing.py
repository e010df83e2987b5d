"""The verb `erase`: tells what an erasure would take, and erases when the code is typed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import msgspec

from appliance.cli.transport import connect, settings_for
from appliance.cli.whichproject import find_project

if TYPE_CHECKING:
    from appliance.client import ErasurePlan

__all__ = ["add_arguments", "erase"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("subject", help="code of the subject")
    parser.add_argument("--project", "-p", help="its project")
    parser.add_argument("--typed", metavar="CODE", help="the code once more: erase without asking")
    parser.add_argument("--plan", action="store_true", help="only tell what would be erased")
    parser.add_argument("--json", action="store_true", help="as JSON")


def erase(options: argparse.Namespace) -> int:
    """Tell what would be erased; erase it when the code is typed."""
    with connect(settings_for(options.data, options.config)) as client:
        name = find_project(options.project or "")
        plan = client.plan_erasure(name, options.subject)
        if options.json:
            print(msgspec.json.format(msgspec.json.encode(plan)).decode())
        else:
            _tell(plan)
        if options.plan:
            return 0
        typed = options.typed if options.typed is not None else _ask(plan.code)
        if typed != plan.code:
            print("nothing was erased", file=sys.stderr)
            return 2
        client.erase(name, options.subject, typed=typed)
    print(f"{plan.code} was erased")
    return 0


def _ask(code: str) -> str:
    if not sys.stdin.isatty():
        return ""
    return input(f"\nThis cannot be undone. Type {code} to erase it: ").strip()


def _tell(plan: ErasurePlan) -> None:
    print(
        f"{plan.code} of {plan.project}: {len(plan.studies)} studies, {plan.n_files} files, "
        f"{plan.n_originals} originals, {plan.n_held} held files, {plan.n_jobs} jobs, "
        f"{plan.n_cached} cached, {plan.n_names} names, {plan.size_bytes / 1e6:.1f} MB"
    )
    told = {
        "stays in backups until they rotate (a restore erases again)": plan.backups,
        "was made from it and stays": [
            f"{one.psid}/{one.path}{' (a model)' if one.is_model else ''}" for one in plan.of_others
        ],
        "is known elsewhere and stays": plan.elsewhere,
        "lies in folders of yours and stays": plan.sources,
        "cannot be erased now": [plan.busy] if plan.busy else [],
    }
    for what, names in told.items():
        for name in names:
            print(f"  {what}: {name}")
