"""The verb `jobs`: lists jobs and does something to some, named by key or by what they share."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from appliance.cli.tables import show
from appliance.cli.transport import connect, settings_for
from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.client import ActionsDone, Client

__all__ = ["ACTIONS", "add_arguments", "jobs"]

ACTIONS = ("cancel", "hold", "release", "suspend", "resume", "retry", "dismiss", "restore")
_COLUMNS = ("key", "state", "name", "psid", "queue", "priority", "why")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare its options."""
    parser.add_argument("keys", nargs="*", metavar="KEY", help="keys of jobs; else all that fit")
    parser.add_argument("--project", "-p", help="jobs of this project")
    parser.add_argument("--state", help="letters: q waits, r runs, e error, d done, k stopped")
    parser.add_argument("--batch", metavar="KEY", help="jobs of this batch")
    parser.add_argument("--search", help="jobs with this text in their row")
    parser.add_argument("--json", action="store_true", help="as JSON")
    which = parser.add_mutually_exclusive_group()
    for action in ACTIONS:
        which.add_argument(
            f"--{action}", dest="action", action="store_const", const=action, help="do this to them"
        )
    which.add_argument(
        "--priority", type=int, metavar="N", help="start sooner (above 0) or later (below 0)"
    )


def jobs(options: argparse.Namespace) -> int:
    """List jobs, or act on them; 2 when some refused."""
    names = ("project", "state", "batch", "search")
    where = {name: value for name in names if (value := getattr(options, name))}
    acts = options.action is not None or options.priority is not None
    if acts and not (options.keys or where):
        raise Invalid("say which jobs", hint="Name keys, or --project, --state or --batch.")
    if options.keys and where:
        raise Invalid("name jobs either by keys or by what they share")
    with connect(settings_for(options.data, options.config)) as client:
        return _act(client, options, where) if acts else _list(client, options, where)


def _act(client: Client, options: argparse.Namespace, where: dict[str, Any]) -> int:
    keys = options.keys or None
    if options.priority is not None:
        done = client.prioritise_jobs(options.priority, keys, **where)
    else:
        done = client.act_on_jobs(options.action, keys, **where)
    return _tell(done)


def _tell(done: ActionsDone) -> int:
    print(f"{done.n} done")
    for key, why in done.refused.items():
        sys.stderr.write(f"error: {key}: {why}\n")
    if done.n_refused > len(done.refused):
        sys.stderr.write(f"error: and {done.n_refused - len(done.refused)} more refused\n")
    return 2 if done.n_refused else 0


def _list(client: Client, options: argparse.Namespace, where: dict[str, Any]) -> int:
    rows = [client.job(key) for key in options.keys] or client.all_jobs(**where)
    table = [[getattr(row, name) for name in _COLUMNS] for row in rows]
    show(_COLUMNS, table, {"json"} if options.json else set())
    return 0
