"""The verb `tools`: lists the predefined jobs, brings new ones and takes them away."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from appliance.cli.tables import show
from appliance.cli.transport import connect, settings_for

if TYPE_CHECKING:
    from appliance.client import Client

__all__ = ["tools"]

_COLUMNS = ("id", "menu", "version", "source", "missing")


def tools(options: argparse.Namespace) -> int:
    """List the predefined jobs, or bring, show or remove one; 2 when a brought one is refused."""
    with connect(settings_for(options.data, options.config)) as client:
        if options.add:
            tool = client.add_tool(options.add)
            print(f"{tool['id']}: {tool['menu']}")
        elif options.remove:
            client.remove_tool(options.remove)
            print(f"removed {options.remove}")
        elif options.show:
            sys.stdout.buffer.write(client.tool_descriptor(options.show))
        else:
            return _list(client, as_json=options.json)
    return 0


def _list(client: Client, *, as_json: bool) -> int:
    rows: list[dict[str, Any]] = client.tools()
    show(_COLUMNS, [[row[c] for c in _COLUMNS] for row in rows], {"json"} if as_json else set())
    refused = [row for row in client.descriptors() if row["problem"]]
    for row in refused:
        sys.stderr.write(f"error: tools/{row['file']}: {row['problem']}\n")
    return 2 if refused else 0
