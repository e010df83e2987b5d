"""Checks values against a descriptor before anything runs: choices, limits, what goes together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["complaints"]

_Part = Mapping[str, Any]
Values = Mapping[str, Any]


def complaints(descriptor: _Part, given: Values) -> list[str]:
    """Say in plain words what is wrong with the values of a descriptor's inputs.

    Parameters
    ----------
    descriptor : mapping
        A valid descriptor, or the part of it that `recipe_of` keeps.
    given : mapping
        Values by input; absent ones are missing or None. A flag that is off counts as absent.

    Returns
    -------
    list of str
        Empty when all is well.
    """
    inputs = {one["id"]: one for one in descriptor["inputs"]}
    values = {
        name: value for name, value in given.items() if value is not None and value is not False
    }
    found: list[str] = []
    for name, one in inputs.items():
        if name in values:
            found += _value(one, values[name])
            found += _together(one, values, descriptor)
        elif not one.get("optional") and one.get("default-value") is None:
            found.append(f"{name} is needed")
    for group in descriptor.get("groups", ()):
        found += _group(group, values)
    return found


def _value(one: _Part, value: Any) -> Iterator[str]:
    items = value if isinstance(value, list) else [value]
    name, count = one["id"], len(items)
    if one.get("list"):
        low, high = one.get("min-list-entries", 0), one.get("max-list-entries", float("inf"))
        if not low <= count <= high:
            yield f"{name} has {count} entries, not {_span(low, high)}"
    elif count > 1:
        yield f"{name} takes one value, not {count}"
    choices = one.get("value-choices")
    if choices is not None and any(item not in choices for item in items):
        yield f"{name} is none of {', '.join(map(str, choices))}"
    if one["type"] == "Number":
        yield from (text for item in items for text in _number(one, item))


def _number(one: _Part, value: float) -> Iterator[str]:
    name = one["id"]
    if one.get("integer") and float(value) != int(value):
        yield f"{name} is a whole number, not {value}"
    low, high = one.get("minimum", float("-inf")), one.get("maximum", float("inf"))
    if value < low or (one.get("exclusive-minimum") and value == low):
        yield f"{name} lies above {low:g}, {value} does not"
    if value > high or (one.get("exclusive-maximum") and value == high):
        yield f"{name} lies below {high:g}, {value} does not"


def _together(one: _Part, values: Values, descriptor: _Part) -> Iterator[str]:
    """Find what an input requires or disables, by itself or by its value."""
    name, value = one["id"], values[one["id"]]
    members = {group["id"]: group["members"] for group in descriptor.get("groups", ())}
    chosen = value if isinstance(value, list) else [value]
    needs, bars = list(one.get("requires-inputs", ())), list(one.get("disables-inputs", ()))
    for item in chosen:
        needs += one.get("value-requires", {}).get(str(item), ())
        bars += one.get("value-disables", {}).get(str(item), ())
    for other in needs:
        if not any(member in values for member in members.get(other, [other])):
            yield f"{name} needs {other}, too"
    for other in bars:
        if other in values:
            yield f"{name} cannot stand beside {other}"


def _group(group: _Part, values: Values) -> Iterator[str]:
    there = [member for member in group["members"] if member in values]
    told = ", ".join(group["members"])
    if group.get("mutually-exclusive") and len(there) > 1:
        yield f"only one of {told} can be given"
    if group.get("one-is-required") and not there:
        yield f"one of {told} is needed"
    if group.get("all-or-none") and there and len(there) < len(group["members"]):
        yield f"all of {told} are needed, or none"


def _span(low: float, high: float) -> str:
    if high == float("inf"):
        return f"at least {low:g}"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
