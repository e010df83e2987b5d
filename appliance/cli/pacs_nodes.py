"""The actions `set`, `remove` and `settings` of the verb `pacs`: archives of the settings."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from appliance.cli.tables import show
from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["add_node_arguments", "remove_node", "set_node", "settings"]


def add_node_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what they take."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set: such as host=10.1.0.5, push=true, projects=a,b",
    )


def settings(client: Client, _project: str, options: argparse.Namespace) -> int:
    """Show the archives as they are set, or one of them."""
    nodes = client.pacs_settings()
    if options.node and options.node not in nodes:
        raise Invalid(f"there is no PACS node {options.node!r}")
    chosen = {options.node: nodes[options.node]} if options.node else nodes
    if options.json:
        print(json.dumps(chosen, indent=1))
        return 0
    rows = [(name, key, json.dumps(one[key])) for name, one in chosen.items() for key in one]
    show(("name", "key", "value"), rows, {"csv"} if options.csv else set())
    return 0


def set_node(client: Client, _project: str, options: argparse.Namespace) -> int:
    """Add an archive, or change what is named of one; then ask whether it answers."""
    name = _named(options)
    node: dict[str, Any] = client.pacs_settings().get(name, {})
    node |= dict(_pair(one) for one in options.set)
    client.set_pacs_node(name, node)
    said = client.try_pacs_node(name, node)
    print(f"{name} is set; {said.text}" if said.ok else f"{name} is set")
    if not said.ok:
        print(f"warning: {said.text}\nhint: {said.hint}", file=sys.stderr)
    return 0


def remove_node(client: Client, _project: str, options: argparse.Namespace) -> int:
    """Remove an archive."""
    client.remove_pacs_node(_named(options))
    print(f"{options.node} is removed")
    return 0


def _named(options: argparse.Namespace) -> str:
    if not options.node:
        raise Invalid("say which archive", hint="nora pacs set NAME --set host=10.1.0.5")
    return str(options.node)


def _pair(text: str) -> tuple[str, Any]:
    """Read ``KEY=VALUE``; numbers, true and false are what they look like, lists have commas."""
    key, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"{text!r} is no KEY=VALUE")
    if key == "projects":
        return key, [one.strip() for one in value.split(",") if one.strip()]
    if key in ("port", "max_answers", "tries", "push", "push_check", "tls") or key.endswith("_s"):
        try:
            return key, json.loads(value.lower())
        except ValueError as error:
            raise Invalid(f"{key} cannot be {value!r}") from error
    return key, value
