"""The menu of predefined tools, what of them is missing, and the rendering of their commands."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import msgspec

from appliance.core import Conflict, Invalid, NotFound
from appliance.jobs.boutiques import has_container
from appliance.jobs.structs import Argument, Tool
from appliance.jobs.toolfolder import BroughtTool, ToolFolder

__all__ = ["ToolBox", "missing_of", "render_command"]

Completer = Callable[[tuple[Argument, ...]], tuple[Argument, ...]]
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ToolBox:
    """The tools of one appliance.

    Parameters
    ----------
    tools : iterable of Tool
        Tools to start with.
    folder : ToolFolder, optional
        Descriptors that people have brought; looked at again whenever somebody asks.
    """

    def __init__(self, tools: Iterable[Tool] = (), folder: ToolFolder | None = None) -> None:
        self._tools: dict[str, Tool] = {}
        self.folder = folder
        self._complete: dict[str, Completer] = {}
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

    def complete_with(self, tool_id: str, complete: Completer) -> None:
        """Let a room complete the arguments of its tool whenever a job of it is submitted.

        What lies where jobs cannot look is so written into the job, and is kept with it.
        """
        self._complete[tool_id] = complete

    def completed(self, tool_id: str, args: tuple[Argument, ...]) -> tuple[Argument, ...]:
        """Give the arguments that a job of a tool is submitted with."""
        complete = self._complete.get(tool_id)
        return args if complete is None else complete(args)

    def tools(self) -> list[Tool]:
        """List all tools, in the order of the menu."""
        return sorted(self._all().values(), key=lambda tool: (tool.menu.casefold(), tool.id))

    def get(self, tool_id: str) -> Tool:
        """Find a tool by its id.

        Raises
        ------
        NotFound
            If there is none.
        """
        try:
            return self._all()[tool_id]
        except KeyError:
            raise NotFound(
                f"there is no tool {tool_id!r}", hint="The menu of Batch lists them."
            ) from None

    def bring(self, text: bytes) -> Tool:
        """Take in a descriptor, unchanged; one of the same id is replaced.

        Raises
        ------
        Invalid
            If it is no valid descriptor; the fact ``place`` says where.
        Conflict
            If the appliance has a tool of that id itself, or takes no descriptors.
        """
        if self.folder is None:
            raise Conflict("this appliance takes no descriptors")
        return self.folder.add(text, reserved=self._tools.keys())

    def brought(self) -> list[BroughtTool]:
        """List the descriptors that people have brought, with what is wrong with them."""
        rows = self.folder.files() if self.folder else []
        return [
            msgspec.structs.replace(row, problem="the appliance has a tool of this id itself")
            if row.id in self._tools
            else row
            for row in rows
        ]

    def _all(self) -> dict[str, Tool]:
        brought = self.folder.tools() if self.folder else {}
        return brought | self._tools


def missing_of(tool: Tool) -> str:
    """Say what a tool needs and this machine lacks; empty when it can run."""
    if tool.recipe is not None and has_container(tool.recipe, _program):
        return ""
    absent = [need.partition(":")[2] for need in tool.needs if not _is_there(need)]
    if not absent:
        return ""
    verb = "is" if len(absent) == 1 else "are"
    text = f"{' and '.join(absent)} {verb} not installed"
    return f"{text}. {tool.install}" if tool.install else text


def _is_there(need: str) -> bool:
    kind, _, name = need.partition(":")
    return find_spec(name) is not None if kind == "python" else _program(name)


def _program(name: str) -> bool:
    """Tell whether a job would find a program."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return shutil.which(name, path=path) is not None


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
    if tool.recipe is not None:
        return
    known = {arg.id for arg in tool.args} | {"python"}
    used = {name for element in tool.command for name in _PLACEHOLDER.findall(element)}
    if not tool.command or used - known:
        raise Invalid(
            f"the command of tool {tool.id!r} names unknown arguments",
            unknown=sorted(used - known),
        )
