"""Reads a descriptor: its JSON, its schema, and the rules that no schema can say."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

from appliance.core import Invalid
from appliance.jobs.boutiques.rules import broken_rules

__all__ = ["MAX_BYTES", "Descriptor", "read_descriptor"]

MAX_BYTES = 2_000_000
_HINT = "See the form of Boutiques 0.5 and, for custom.nora, the manual page Tools."

Descriptor = dict[str, Any]


def read_descriptor(text: bytes) -> Descriptor:
    """Read and check a descriptor.

    Parameters
    ----------
    text : bytes
        The file as it is.

    Returns
    -------
    dict
        As it stands in the file.

    Raises
    ------
    Invalid
        With the place of the first mistake in ``place``, such as ``inputs[3].type``.
    """
    descriptor = _parsed(text)
    for name in ("descriptor.schema.json", "custom.schema.json"):
        _follow(_schema(name), descriptor)
    for place, what in broken_rules(descriptor):
        raise _mistake(place, what)
    return descriptor


def _parsed(text: bytes) -> Descriptor:
    if len(text) > MAX_BYTES:
        raise Invalid(f"a descriptor has at most {MAX_BYTES} bytes", hint=_HINT)
    try:
        found = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _mistake(f"byte {error.start}", "is no UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise _mistake(f"line {error.lineno}, column {error.colno}", error.msg) from error
    except RecursionError:
        raise _mistake("the file", "is nested too deeply") from None
    if not isinstance(found, dict):
        raise _mistake("the file", "is no JSON object")
    return found


def _follow(check: Callable[[Any], Any], descriptor: Descriptor) -> None:
    from fastjsonschema import JsonSchemaValueException

    try:
        check(descriptor)
    except JsonSchemaValueException as error:
        name = str(error.name).removeprefix("data").removeprefix(".")
        what = error.message.removeprefix(str(error.name)).strip()
        raise _mistake(name or "the file", what) from error


@cache
def _schema(name: str) -> Callable[[Any], Any]:
    """Compile a schema, some hundredths of a second; defaults are not filled in."""
    import fastjsonschema

    schema = json.loads(Path(__file__).with_name(name).read_bytes())
    for part in ("inputs", "output-files"):  # our rules say the same, with a better text
        for either in ("anyOf", "oneOf"):
            schema["properties"].get(part, {}).get("items", {}).pop(either, None)
    return cast("Callable[[Any], Any]", fastjsonschema.compile(schema, use_default=False))


def _mistake(place: str, what: str) -> Invalid:
    return Invalid(f"the descriptor is wrong at {place}: {what}", hint=_HINT, place=place)
