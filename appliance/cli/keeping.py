"""The verbs `history` and `undo`."""

from __future__ import annotations

import argparse
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from appliance.cli.tables import show
from appliance.cli.transport import connect, settings_for

if TYPE_CHECKING:
    from appliance.client import Operation

__all__ = ["history", "undo"]

_COLUMNS = ("id", "at", "actor", "verb", "project", "target", "undoable")
_SHOWN = 60


def history(options: argparse.Namespace) -> int:
    """Print what was done, newest first."""
    asked = {
        "verb": options.verb,
        "actor": options.actor,
        "at_from": options.since,
        "in_trash": True if options.trash else None,
    }
    with connect(settings_for(options.data, options.config)) as client:
        found = client.history(options.project, limit=min(options.n, 1000), **asked)
        switches = {name for name in ("json", "csv") if getattr(options, name)}
        show(_COLUMNS, [_row(one, switches) for one in islice(found, options.n)], switches)
    return 0


def undo(options: argparse.Namespace) -> int:
    """Take operations back, in the order in which they are named."""
    with connect(settings_for(options.data, options.config)) as client:
        for operation_id in options.operation:
            client.undo(operation_id)
            print(f"took back operation {operation_id}")
    return 0


def _row(one: Operation, switches: set[str]) -> list[Any]:
    target: Any = one.target
    if "json" not in switches:
        target = json.dumps(one.target, ensure_ascii=False)
    if not switches:
        target = ", ".join(f"{name}: {value}" for name, value in one.target.items())
        target = target if len(target) <= _SHOWN else f"{target[: _SHOWN - 1]}…"
        undone = "undone" if one.undone_at else "can be undone" if one.undoable else ""
        return [one.id, one.at, one.actor, one.verb, one.project or "", target, undone]
    return [one.id, one.at, one.actor, one.verb, one.project, target, one.undoable]
