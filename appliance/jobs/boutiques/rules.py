"""The rules of a descriptor beyond its schema: names that must exist, and parts that must agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.core import Invalid
from appliance.jobs.boutiques.expressions import check_condition

__all__ = ["broken_rules"]

Broken = Iterator[tuple[str, str]]
_Part = Mapping[str, Any]


def broken_rules(descriptor: _Part) -> Broken:
    """Give the place and the text of each rule that a descriptor breaks."""
    inputs = {one["id"]: one for one in descriptor["inputs"]}
    yield from _ids(descriptor)
    yield from _keys(descriptor)
    for number, one in enumerate(descriptor["inputs"]):
        place = f"inputs[{number}]"
        yield from _input(place, one)
        yield from _choices(place, one, inputs)
        yield from _relations(place, one, inputs, descriptor)
    yield from _outputs(descriptor, inputs)
    for number, group in enumerate(descriptor.get("groups", ())):
        yield from _group(f"groups[{number}]", group, inputs, descriptor["groups"])
    yield from _ours(descriptor, inputs)


def _ids(descriptor: _Part) -> Broken:
    seen: set[str] = set()
    for part in ("inputs", "output-files", "groups"):
        for number, one in enumerate(descriptor.get(part, ())):
            if one["id"] in seen:
                yield f"{part}[{number}].id", f"{one['id']!r} is used twice"
            seen.add(one["id"])


def _keys(descriptor: _Part) -> Broken:
    places = [
        (f"{part}[{number}].value-key", one["value-key"])
        for part in ("inputs", "output-files")
        for number, one in enumerate(descriptor.get(part, ()))
        if "value-key" in one
    ]
    text = _all_templates(descriptor)
    keys = {key for _, key in places}
    for place, key in places:
        if not key or key not in text:
            yield place, f"{key!r} stands neither in the command line nor in a template"
        if any(other != key and other in key for other in keys if other):
            yield place, f"{key!r} contains another key"
    yield from _shared_keys(descriptor, places)


def _all_templates(descriptor: _Part) -> str:
    parts = [descriptor["command-line"]]
    for output in descriptor.get("output-files", ()):
        parts += [output.get("path-template", ""), *output.get("file-template", ())]
        for choice in output.get("conditional-path-template", ()):
            parts += choice.values()
    parts += [variable["value"] for variable in descriptor.get("environment-variables", ())]
    return "\n".join(parts)


def _shared_keys(descriptor: _Part, places: list[tuple[str, str]]) -> Broken:
    """Two inputs may share a key only when at most one of them can have a value."""
    exclusive = [set(g["members"]) for g in _groups(descriptor, "mutually-exclusive")]
    for key, count in Counter(key for _, key in places).items():
        sharing = {i["id"] for i in descriptor["inputs"] if i.get("value-key") == key}
        if count > 1 and not any(sharing <= members for members in exclusive):
            place = next(place for place, other in reversed(places) if other == key)
            yield place, f"{key!r} belongs to several inputs that do not exclude each other"


def _input(place: str, one: _Part) -> Broken:
    if one["type"] == "Flag":
        if "command-line-flag" not in one:
            yield place, "a Flag needs a command-line-flag"
        if not one.get("optional"):
            yield place, "a Flag has to be optional"
        if one.get("list"):
            yield f"{place}.list", "a Flag cannot be a list"
    if one.get("minimum", float("-inf")) > one.get("maximum", float("inf")):
        yield f"{place}.minimum", "is above the maximum"
    if one.get("list"):
        low, high = one.get("min-list-entries", 0), one.get("max-list-entries", float("inf"))
        if low < 0 or high <= 0 or low > high:
            yield f"{place}.min-list-entries", "and max-list-entries leave no length of the list"


def _choices(place: str, one: _Part, inputs: _Part) -> Broken:
    for name in ("value-requires", "value-disables"):
        if name in one and set(one[name]) != {str(c) for c in one.get("value-choices", ())}:
            yield f"{place}.{name}", "does not name the same values as value-choices"
        for choice, ids in one.get(name, {}).items():
            unknown = [i for i in ids if i not in inputs]
            if unknown:
                yield f"{place}.{name}.{choice}", f"there is no input {unknown[0]!r}"
    if "value-choices" not in one:
        return
    if not one["value-choices"]:
        yield f"{place}.value-choices", "has no choice"
    default = one.get("default-value")
    given = default if isinstance(default, list) else [default]
    if default is not None and any(value not in one["value-choices"] for value in given):
        yield f"{place}.default-value", f"{default!r} is none of the value-choices"


def _relations(place: str, one: _Part, inputs: _Part, descriptor: _Part) -> Broken:
    needs, bars = one.get("requires-inputs", ()), one.get("disables-inputs", ())
    groups = {group["id"] for group in descriptor.get("groups", ())}
    for other in needs:
        if other not in inputs and other not in groups:
            yield f"{place}.requires-inputs", f"there is no input {other!r}"
        if other in bars:
            yield f"{place}.requires-inputs", f"{other!r} is both required and disabled"
    for other in bars:
        if other not in inputs:
            yield f"{place}.disables-inputs", f"there is no input {other!r}"
        elif not inputs[other].get("optional"):
            yield f"{place}.disables-inputs", f"{other!r} is required and cannot be disabled"
    if (needs or bars) and not one.get("optional"):
        yield place, "an input that is required cannot require or disable others"


def _outputs(descriptor: _Part, inputs: _Part) -> Broken:
    seen: set[str] = set()
    for number, output in enumerate(descriptor.get("output-files", ())):
        place = f"output-files[{number}]"
        template = output.get("path-template")
        if ("path-template" in output) == ("conditional-path-template" in output):
            yield place, "needs either path-template or conditional-path-template"
        if output.get("list") and "file-template" in output:
            yield f"{place}.file-template", "cannot stand in an output that is a list"
        if template is not None and template in seen:
            yield f"{place}.path-template", f"{template!r} is used twice"
        seen.add(template or "")
        yield from _conditions(place, output, inputs)


def _conditions(place: str, output: _Part, inputs: _Part) -> Broken:
    cases = output.get("conditional-path-template")
    if cases is None:
        return
    place = f"{place}.conditional-path-template"
    named = [condition for case in cases for condition in case]
    if not output.get("optional") and named.count("default") != 1:
        yield place, "an output that is required needs exactly one case called default"
    for condition in named:
        if condition != "default":
            try:
                check_condition(condition, inputs.keys())
            except Invalid as error:
                yield place, error.message


def _group(place: str, group: _Part, inputs: _Part, groups: list[_Part]) -> Broken:
    members: list[str] = group["members"]
    for member, count in Counter(members).items():
        if member not in inputs:
            yield f"{place}.members", f"there is no input {member!r}"
        elif count > 1:
            yield f"{place}.members", f"{member!r} stands there twice"
    kinds = [k for k in ("mutually-exclusive", "one-is-required", "all-or-none") if group.get(k)]
    if "all-or-none" in kinds and len(kinds) > 1:
        yield place, f"cannot be {' and '.join(kinds)} at once"
    for member in members:
        if kinds and not inputs.get(member, {"optional": True}).get("optional"):
            yield f"{place}.members", f"{member!r} is required, so the group means nothing"
    yield from _against(place, group, inputs, groups)


def _against(place: str, group: _Part, inputs: _Part, groups: list[_Part]) -> Broken:
    """Find what contradicts a group: its own members, or groups of all or none."""
    members: set[str] = set(group["members"])
    if group.get("mutually-exclusive"):
        for member in members & inputs.keys():
            if members & set(inputs[member].get("requires-inputs", ())):
                yield place, f"excludes what {member!r} requires"
    for other in groups:
        if other is group or not other.get("all-or-none"):
            continue
        if group.get("mutually-exclusive") and len(members & set(other["members"])) > 1:
            yield place, f"excludes members that {other['id']!r} wants together"
        if group.get("one-is-required") and members <= set(other["members"]):
            yield place, f"lies in {other['id']!r}, which is all or none"


def _ours(descriptor: _Part, inputs: _Part) -> Broken:
    """Check the names under ``custom.nora``."""
    ours = descriptor.get("custom", {}).get("nora", {})
    outputs = {one["id"] for one in descriptor.get("output-files", ())}
    for name, more in ours.get("arguments", {}).items():
        place = f"custom.nora.arguments.{name}"
        if name not in inputs:
            yield place, "there is no such input"
        elif "kind" in more and inputs[name]["type"] != "String":
            yield f"{place}.kind", "only an input of type String can name an output"
    for name in ours.get("tags", {}):
        if name not in outputs:
            yield f"custom.nora.tags.{name}", "there is no such output"


def _groups(descriptor: _Part, kind: str) -> list[_Part]:
    return [group for group in descriptor.get("groups", ()) if group.get(kind)]
