"""The verb `routes`: rules by which arrivals are led to projects, and what they send on."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.cli.tables import show
from appliance.cli.transport import connect, settings_for
from appliance.core import Invalid, NotFound

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["add_arguments", "routes"]

_TRIED = ("at", "door", "source", "modality", "psid", "series", "rule", "goes_to")
_SENT = ("key", "state", "node", "route", "psid", "series", "n_sent", "n_objects", "reason")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare its options."""
    parser.add_argument(
        "action", nargs="?", default="list", choices=tuple(_ACTIONS), help="what to do"
    )
    parser.add_argument("file", nargs="?", help="keep, try: JSON file of the rules; - is stdin")
    parser.add_argument("--limit", type=int, default=50, help="try: how many arrivals back")
    parser.add_argument("--state", default="", help="forwards: only those in a state")
    parser.add_argument("--key", default="", help="retry: one that failed; else all")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--csv", action="store_true", help="as CSV")


def routes(options: argparse.Namespace) -> int:
    """List, print, try or keep the rules; list what they send on, or send it again."""
    with connect(settings_for(options.data, options.config)) as client:
        _ACTIONS[options.action](client, options)
    return 0


def _list(client: Client, options: argparse.Namespace) -> None:
    table = client.routes()
    rows = [
        (
            number,
            route["name"],
            "on" if route.get("enabled", True) else "off",
            _when(route),
            route.get("project", "") or "-",
            table.problems.get(route["name"], ""),
        )
        for number, route in enumerate(table.routes, 1)
    ]
    show(("n", "name", "state", "when", "project", "problem"), rows, _switches(options))


def _when(route: dict[str, Any]) -> str:
    told = [f"{c['field']} {c['op']} {c.get('value', '')}" for c in route.get("when", [])]
    return " and ".join(told) or "always"


def _print(client: Client, _options: argparse.Namespace) -> None:
    print(json.dumps(client.routes().routes, indent=1, ensure_ascii=False))


def _keep(client: Client, options: argparse.Namespace) -> None:
    found = _read(options.file)
    table = client.keep_routes(found, client.routes().rev)
    print(f"kept {len(table.routes)} rules")
    for name, problem in table.problems.items():
        print(f"warning: {name}: {problem}", file=sys.stderr)


def _try(client: Client, options: argparse.Namespace) -> None:
    found = client.try_routes(_read(options.file) if options.file else None, options.limit)
    rows = [[getattr(one, name) or "-" for name in _TRIED] for one in found]
    show(_TRIED, rows, _switches(options))


def _forwards(client: Client, options: argparse.Namespace) -> None:
    rows = [[getattr(one, name) for name in _SENT] for one in client.forwards(options.state)]
    show(_SENT, rows, _switches(options))


def _retry(client: Client, options: argparse.Namespace) -> None:
    print(f"{client.retry_forwards(options.key)} will be sent again")


def _read(path: str | None) -> list[dict[str, Any]]:
    if not path:
        raise Invalid("no file was named", hint="'nora routes print > FILE' makes one.")
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {path}: {error}") from error
    except json.JSONDecodeError as error:
        raise Invalid(f"{path} is no JSON: {error}") from error
    if not isinstance(found, list):
        raise Invalid(f"{path} holds no list of rules")
    return found


def _switches(options: argparse.Namespace) -> set[str]:
    return {name for name in ("json", "csv") if getattr(options, name)}


_ACTIONS = {
    "list": _list,
    "print": _print,
    "keep": _keep,
    "try": _try,
    "forwards": _forwards,
    "retry": _retry,
}
