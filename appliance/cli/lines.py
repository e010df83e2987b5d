"""Calls in NORA's grammar: each action is found here and carried out by a module of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from appliance.cli.call import Call
from appliance.cli.grammar import Line, parse_line
from appliance.cli.transport import connect, settings_for

__all__ = ["run_line"]

_CREATES = {"createproject", "import"}
_ACTIONS = {
    "add": "changing:add",
    "admin": "admin:admin",
    "createproject": "changing:createproject",
    "del": "changing:remove",
    "del_pat": "changing:remove_subjects",
    "exportmeta": "asking:exportmeta",
    "import": "bring:import_line",
    "launch": "launch:launch",
    "launch_autoexec": "autoexec:launch_autoexec",
    "launchfile": "launch:launch",
    "out": "asking:out",
    "pathout": "asking:out",
    "select": "asking:select",
    "sql": "asking:sql",
}


def run_line(words: list[str]) -> int:
    """Carry out a call such as ``-p X --select --json 'META/*.json'``."""
    if {"-h", "--help"} & set(words):
        from appliance.cli.words import help_text

        print(help_text(), end="")
        return 0
    line = parse_line(words)
    for word in line.doubts:
        print(f"warning: {word} is no flag; taken as a name", file=sys.stderr)
    if line.action == "admin" and not line.words:
        from appliance.cli.words import admin_text

        print(admin_text(), end="")
        return 0
    settings = settings_for(_path(line, "data"), _path(line, "config"))
    imports = line.action == "import" or bool(set(line.words[:1]) & _IMPORTING)
    creates = line.action in _CREATES
    with connect(settings, create=creates, imports=imports, jobs=_waits(line)) as client:
        return _action(line)(Call(line, client))


_IMPORTING = {"batchimport", "importfiles"}


def _action(line: Line) -> Callable[[Call], int]:
    module, name = _ACTIONS[line.action].split(":")
    found: Callable[[Call], int] = getattr(import_module(f"appliance.cli.{module}"), name)
    return found


def _path(line: Line, option: str) -> Path | None:
    return Path(line.options[option]) if option in line.options else None


def _waits(line: Line) -> bool:
    waiting = {"throwerror", "handle_job_result"}
    return line.action in ("launch", "launchfile") and bool(line.switches & waiting)
