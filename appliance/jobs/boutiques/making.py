"""From a descriptor to a tool of the menu, and to the part of it that a job keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from appliance.jobs.structs import Argument, ArgumentKind, Level, Resources, Tool

__all__ = ["FOLDER", "program_of", "recipe_of", "tool_of"]

FOLDER = "folder"
_Part = Mapping[str, Any]
_INPUT_KEYS = (
    *("id", "type", "value-key", "list", "list-separator", "optional", "command-line-flag"),
    *("command-line-flag-separator", "default-value", "value-choices", "value-requires"),
    *("value-disables", "integer", "minimum", "maximum", "exclusive-minimum"),
    *("exclusive-maximum", "min-list-entries", "max-list-entries", "requires-inputs"),
    "disables-inputs",
)
_KEPT = (
    *("command-line", "shell", "container-image", "environment-variables", "groups"),
    *("output-files", "error-codes"),
)
_KINDS: dict[str, ArgumentKind] = {
    "File": "FILE",
    "Flag": "LOGICAL",
    "Number": "NUMERIC",
    "String": "STRING",
}
_ASSIGNMENT = re.compile(r"\w+=\S*")
_BUILTINS = (
    *("cd", "set", "export", "test", "if", "for", "while", "case", "echo", "printf", "exec"),
    *("eval", "true", ":"),
)


def tool_of(descriptor: _Part, *, source: str = "appliance") -> Tool:
    """Make a tool of a valid descriptor.

    Parameters
    ----------
    descriptor : mapping
        As `read_descriptor` gives it.
    source : str
        Where it came from.

    Returns
    -------
    Tool
        With one argument for each input, and one for the folder that the command runs in and all
        of whose new files are outputs.
    """
    ours = _ours(descriptor)
    name, menu = descriptor["name"], ours.get("menu", "Imported")
    programs = ours.get("programs", [program_of(descriptor)])
    level: Level = ours.get("level", "study")
    return Tool(
        id=ours.get("id", f"boutiques.{_slug(name)}"),
        menu=f"{menu.strip('/')}/{name}",
        name=name,
        command=(descriptor["command-line"],),
        description=descriptor["description"],
        level=level,
        args=(*(_argument(one, ours) for one in descriptor["inputs"]), _folder(descriptor, ours)),
        resources=_resources(descriptor, ours),
        version=descriptor["tool-version"],
        needs=tuple(f"program:{program}" for program in programs if program),
        install=ours.get("install", ""),
        queue=ours.get("queue", ""),
        source=source,
        recipe=recipe_of(descriptor),
    )


def recipe_of(descriptor: _Part) -> dict[str, Any]:
    """Keep what rendering needs, so that each job can carry it: no prose, no tests."""
    kept = {key: descriptor[key] for key in _KEPT if key in descriptor}
    inputs = [{k: v for k, v in one.items() if k in _INPUT_KEYS} for one in descriptor["inputs"]]
    ours = _ours(descriptor)
    named = {name for name, more in ours.get("arguments", {}).items() if "kind" in more}
    return kept | {
        "inputs": inputs,
        "tags": ours.get("tags", {}),
        "folder": folder_id(descriptor),
        "named": sorted(named),
    }


def folder_id(descriptor: _Part) -> str:
    """Name the argument of the output folder; an input of that name keeps it."""
    taken = {one["id"] for one in descriptor["inputs"]}
    return FOLDER if FOLDER not in taken else f"nora_{FOLDER}"


def program_of(descriptor: _Part) -> str:
    """Name the program a command line starts with; empty when that is no plain word."""
    keys = [one["value-key"] for one in descriptor["inputs"] if one.get("value-key")]
    words = [w for w in descriptor["command-line"].split() if not _ASSIGNMENT.fullmatch(w)]
    first = words[0] if words else ""
    plain = re.fullmatch(r"[\w./+-]+", first) and not any(key in first for key in keys)
    return first if plain and first not in _BUILTINS else ""


def _ours(descriptor: _Part) -> dict[str, Any]:
    found: dict[str, Any] = descriptor.get("custom", {}).get("nora", {})
    return found


def _argument(one: _Part, ours: _Part) -> Argument:
    more = ours.get("arguments", {}).get(one["id"], {})
    kind = more.get("kind", "OPTION" if one.get("value-choices") else _KINDS[one["type"]])
    value = more.get("value", one.get("default-value"))
    return Argument(
        id=one["id"],
        kind=kind,
        label=one["name"],
        value=[str(item) for item in value] if isinstance(value, list) else value,
        studyref=more.get("studyref", "this"),
        optional=bool(one.get("optional")),
        multiple=bool(one.get("list")),
        choices=tuple(str(choice) for choice in one.get("value-choices", ())),
        tags=tuple(more.get("tags", ())),
        minimum=one.get("minimum"),
        maximum=one.get("maximum"),
        help=one.get("description", ""),
    )


def _folder(descriptor: _Part, ours: _Part) -> Argument:
    return Argument(
        id=folder_id(descriptor),
        kind="PATHOUT",
        label="Output folder",
        value=ours.get("folder", f"derived/{_slug(descriptor['name'])}"),
        help="The program runs in it; what it makes there is registered.",
    )


def _resources(descriptor: _Part, ours: _Part) -> Resources:
    wanted = descriptor.get("suggested-resources", {})
    return Resources(
        cpus=int(wanted.get("cpu-cores", 1)),
        memory_mb=max(256, round(float(wanted.get("ram", 2)) * 1024)),
        gpus=int(ours.get("gpus", 0)),
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "tool"
