"""Values of arguments that are no files: numbers, texts, switches and options."""

from __future__ import annotations

import math

from appliance.core import Invalid
from appliance.jobs.structs import Argument

__all__ = ["plain_values"]


def plain_values(arg: Argument) -> list[str]:
    """Give the value of an argument as text.

    Raises
    ------
    Invalid
        If it does not fit its kind.
    """
    values = arg.value if isinstance(arg.value, list) else [arg.value]
    if arg.kind == "NUMERIC":
        if arg.multiple and isinstance(arg.value, str):
            values = list(arg.value.replace(",", " ").split())
        return [_number(arg, value) for value in values]
    if arg.kind == "LOGICAL":
        return ["true" if values[0] in (True, 1, "true", "1", "yes", "on") else "false"]
    if arg.kind == "OPTION" and any(str(value) not in arg.choices for value in values):
        raise Invalid(f"is none of {', '.join(arg.choices)}")
    if any("\0" in str(value) for value in values):
        raise Invalid("holds a NUL character")
    return [str(value) for value in values]


def _number(arg: Argument, value: object) -> str:
    try:
        number = float(str(value))
    except ValueError:
        raise Invalid(f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise Invalid(f"{value!r} is no finite number")
    low = -math.inf if arg.minimum is None else arg.minimum
    high = math.inf if arg.maximum is None else arg.maximum
    if not low <= number <= high:
        raise Invalid(f"{value} is not between {low:g} and {high:g}")
    return str(int(number)) if number.is_integer() else repr(number)
