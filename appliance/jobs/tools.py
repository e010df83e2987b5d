"""The menu of predefined tools, and the rendering of a tool's command into an argument vector."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping

from appliance.core import Conflict, Invalid, NotFound
from appliance.jobs.structs import Argument, Tool

__all__ = ["ToolBox", "render_command"]

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ToolBox:
    """The tools of one appliance.

    Parameters
    ----------
    tools : iterable of Tool
        Tools to start with.
    """

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self.register_tool(tool)

    def register_tool(self, tool: Tool) -> None:
        """Add a tool to the menu.

        Raises
        ------
        Conflict
            If another tool has the same id.
        Invalid
            If its command names an argument it does not have.
        """
        if self._tools.get(tool.id, tool) != tool:
            raise Conflict(f"two tools are called {tool.id!r}")
        _check_command(tool)
        self._tools[tool.id] = tool

    def tools(self) -> list[Tool]:
        """List all tools, in the order of the menu."""
        return sorted(self._tools.values(), key=lambda tool: (tool.menu.casefold(), tool.id))

    def get(self, tool_id: str) -> Tool:
        """Find a tool by its id.

        Raises
        ------
        NotFound
            If there is none.
        """
        try:
            return self._tools[tool_id]
        except KeyError:
            raise NotFound(
                f"there is no tool {tool_id!r}", hint="The menu of Batch lists them."
            ) from None


def render_command(
    command: Iterable[str], args: Iterable[Argument], values: Mapping[str, list[str]]
) -> list[str]:
    """Fill an argument vector; nothing in it is ever read by a shell.

    Parameters
    ----------
    command : iterable of str
        Elements with ``{id}`` placeholders.
    args : iterable of Argument
        The arguments, for their flags and kinds.
    values : mapping of str to list of str
        Resolved values by argument id; an empty list means absent.

    Returns
    -------
    list of str
        The vector, program first.
    """
    known = {arg.id: arg for arg in args}
    vector: list[str] = []
    for element in command:
        whole = _PLACEHOLDER.fullmatch(element)
        if whole and whole[1] in known:
            vector += _with_flag(known[whole[1]], values.get(whole[1], []))
        else:
            vector += _inside(element, values)
    return vector


def _with_flag(arg: Argument, values: list[str]) -> list[str]:
    if arg.kind == "LOGICAL" and arg.flag:
        return [arg.flag] if values == ["true"] else []
    return [arg.flag, *values] if arg.flag and values else list(values)


def _inside(element: str, values: Mapping[str, list[str]]) -> list[str]:
    """Fill placeholders inside one element; drop it when one of them has no value."""
    names = [name for name in _PLACEHOLDER.findall(element) if name != "python"]
    if any(not values.get(name) for name in names):
        return []
    return [_PLACEHOLDER.sub(lambda m: _text(m[1], values), element)]


def _text(name: str, values: Mapping[str, list[str]]) -> str:
    return sys.executable if name == "python" else " ".join(values[name])


def _check_command(tool: Tool) -> None:
    known = {arg.id for arg in tool.args} | {"python"}
    used = {name for element in tool.command for name in _PLACEHOLDER.findall(element)}
    if not tool.command or used - known:
        raise Invalid(
            f"the command of tool {tool.id!r} names unknown arguments",
            unknown=sorted(used - known),
        )
