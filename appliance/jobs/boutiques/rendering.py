"""From a descriptor and values to the command line, the outputs and the configuration files.

One pass over each template: a value that looks like a key stays a value. Texts and file names are
quoted for a shell; nothing else of a value can reach it.
"""

from __future__ import annotations

import os.path
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from appliance.jobs.boutiques.expressions import holds

__all__ = ["Output", "Rendered", "render"]

Values = Mapping[str, Any]
_Part = Mapping[str, Any]


class Output(NamedTuple):
    """A file, or a pattern of files, that the program is to make."""

    id: str
    path: str
    optional: bool


@dataclass(frozen=True)
class Rendered:
    """What a descriptor becomes with values.

    Attributes
    ----------
    command : str
        The line for a shell.
    outputs : tuple of Output
        With paths absolute, or relative to where the command runs.
    files : mapping of str to str
        Configuration files to write first: text by path.
    environment : mapping of str to str
        Variables to set.
    """

    command: str
    outputs: tuple[Output, ...]
    files: Mapping[str, str]
    environment: Mapping[str, str]


def render(descriptor: _Part, given: Values, folder: str = "") -> Rendered:
    """Fill in a descriptor.

    Parameters
    ----------
    descriptor : mapping
        A valid descriptor, or the part of it that `recipe_of` keeps.
    given : mapping
        By input: a text, a number, a truth value, or a list of them. Defaults fill the rest.
    folder : str
        Where the command will run: outputs that use absolute paths lie below it.

    Returns
    -------
    Rendered
        As ``bosh`` of the package boutiques gives it.
    """
    inputs = descriptor["inputs"]
    values = {i["id"]: i["default-value"] for i in inputs if i.get("default-value") is not None}
    values |= {name: value for name, value in given.items() if value is not None}
    paths = _output_paths(descriptor, values, folder)
    outputs = descriptor.get("output-files", ())
    return Rendered(
        _command(descriptor, values, paths),
        tuple(
            Output(o["id"], paths[o["id"]], bool(o.get("optional")))
            for o in outputs
            if o["id"] in paths
        ),
        {
            paths[o["id"]]: _file(descriptor, o, values, paths)
            for o in outputs
            if "file-template" in o and o["id"] in paths
        },
        _environment(descriptor, values),
    )


def _command(descriptor: _Part, values: Values, paths: Mapping[str, str]) -> str:
    words: dict[str, str | None] = {}
    for part in (*descriptor["inputs"], *descriptor.get("output-files", ())):
        key = part.get("value-key")
        if key and words.get(key) is None:
            words[key] = _word(part, values, paths)
    return _fill(descriptor["command-line"], words)


def _word(part: _Part, values: Values, paths: Mapping[str, str]) -> str | None:
    """Write one input or output for the command line, with its flag; None when it is absent."""
    if "type" not in part:
        text = shlex.quote(paths[part["id"]]) if part["id"] in paths else None
    elif part["id"] not in values:
        return None
    elif part["type"] == "Flag":
        return part.get("command-line-flag", "") if values[part["id"]] else None
    else:
        text = _quoted(part, values[part["id"]])
    flag = part.get("command-line-flag")
    if text is None or flag is None:
        return text
    return f"{flag}{part.get('command-line-flag-separator', ' ')}{text}"


def _quoted(part: _Part, value: Any) -> str:
    """Write a value for a shell; numbers need no quotes, and lists are joined."""
    items = value if isinstance(value, list) else [value]
    plain = part["type"] == "Number"
    texts = [str(item) if plain else shlex.quote(str(item)) for item in items]
    return str(part.get("list-separator", " ")).join(texts)


def _fill(template: str, words: Mapping[str, str | None]) -> str:
    """Replace keys; one without a value goes together with the space before it."""
    keys = sorted(words, key=len, reverse=True)
    if not keys:
        return template
    pattern = re.compile(f"( ?)({'|'.join(map(re.escape, keys))})")

    def one(match: re.Match[str]) -> str:
        word = words[match[2]]
        return "" if word is None else match[1] + word

    return pattern.sub(one, template)


def _output_paths(descriptor: _Part, values: Values, folder: str) -> dict[str, str]:
    """Name the outputs; a template may hold inputs and outputs that stand before it or after it."""
    outputs = descriptor.get("output-files", ())
    templates = {o["id"]: _template(o, values, descriptor) for o in outputs}
    raw = {name: text for name, text in templates.items() if text is not None}
    found: dict[str, str] = {}
    for _ in range(2):
        found = {
            o["id"]: _below(folder, o, _path(descriptor, o, raw[o["id"]], values, found))
            for o in outputs
            if o["id"] in raw
        }
    return found


def _template(output: _Part, values: Values, descriptor: _Part) -> str | None:
    if "path-template" in output:
        return str(output["path-template"])
    known = {part["id"] for part in descriptor["inputs"]}
    for case in output["conditional-path-template"]:
        for condition, template in case.items():
            if holds(condition, values, known):
                return str(template)
    return None


def _path(
    descriptor: _Part, output: _Part, template: str, values: Values, paths: Mapping[str, str]
) -> str:
    """Fill in one path template; a key without a value stays as it is."""
    strip = output.get("path-template-stripped-extensions", ())
    words: dict[str, str | None] = {}
    for part in descriptor["inputs"]:
        key = part.get("value-key")
        if key and key in template and part["id"] in values:
            words[key] = _stripped(part, values[part["id"]], strip, first=template.startswith(key))
    for part in descriptor.get("output-files", ()):
        key = part.get("value-key")
        if key and key in template and part["id"] in paths and part["id"] != output["id"]:
            words[key] = paths[part["id"]]
    return _fill(template, words)


def _below(folder: str, output: _Part, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path)) if _is_absolute(output) else path  # noqa: PTH118


def _is_absolute(output: _Part) -> bool:
    return bool(output.get("uses-absolute-path"))


def _stripped(part: _Part, value: Any, strip: Sequence[str], *, first: bool) -> str:
    """Write a value inside a path; a file that stands later in it comes without its folder."""
    items = value if isinstance(value, list) else [value]
    text = str(part.get("list-separator", " ")).join(map(str, items))
    if part["type"] not in ("File", "String"):
        return text
    for extension in strip:
        text = text.replace(extension, "")
    return text if first or part["type"] != "File" else os.path.basename(text)  # noqa: PTH119


def _file(descriptor: _Part, output: _Part, values: Values, paths: Mapping[str, str]) -> str:
    """Fill in a configuration file; a line with a key that has no value is left empty."""
    strip = output.get("path-template-stripped-extensions", ())
    words: dict[str, str | None] = {}
    for part in (*descriptor["inputs"], *descriptor.get("output-files", ())):
        key = part.get("value-key")
        if key and words.get(key) is None:
            words[key] = _plain_word(part, values, paths, strip)
    return "\n".join(_line(line, words) for line in output["file-template"])


def _plain_word(
    part: _Part, values: Values, paths: Mapping[str, str], strip: Sequence[str]
) -> str | None:
    if "type" not in part:
        return shlex.quote(paths[part["id"]]) if part["id"] in paths else None
    if part["id"] not in values:
        return None
    text = _quoted(part, values[part["id"]])
    for extension in strip if part["type"] in ("File", "String") else ():
        text = text.replace(extension, "")
    return text


def _line(line: str, words: Mapping[str, str | None]) -> str:
    absent = any(word is None and key in line for key, word in words.items())
    return "" if absent else _fill(line, words)


def _environment(descriptor: _Part, values: Values) -> dict[str, str]:
    keys = {i["value-key"]: i["id"] for i in descriptor["inputs"] if "value-key" in i}
    return {
        variable["name"]: str(values.get(keys[variable["value"]], ""))
        if variable["value"] in keys
        else variable["value"]
        for variable in descriptor.get("environment-variables", ())
    }
