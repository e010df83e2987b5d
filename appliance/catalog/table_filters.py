"""What a person writes into the filter of a column, as a condition of SQL."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["condition", "quoted"]

_SIGN = re.compile(r"\s*(<=|>=|!=|<|>|=)?\s*(.*?)\s*\Z", re.DOTALL)
_RANGE = re.compile(r"(-?[\d.]+(?:e-?\d+)?)\s*\.\.\s*(-?[\d.]+(?:e-?\d+)?)\Z", re.IGNORECASE)
_BLANK = {"empty": "IS NULL", "not empty": "IS NOT NULL"}


def condition(column: str, text: str, *, numeric: bool) -> tuple[str, list[Any]]:
    """Write the condition of a column.

    Parameters
    ----------
    column : str
        Its name.
    text : str
        ``>5``, ``<=2``, ``!=0``, ``2..5``, ``=word``, ``empty``, ``not empty``; anything else must
        stand somewhere in the value, upper or lower case. A plain number must be the number.
    numeric : bool
        Whether the column holds numbers.

    Returns
    -------
    str, list
        SQL with question marks, and their values.
    """
    name = quoted(column)
    if text.strip().lower() in _BLANK:
        return f"{name} {_BLANK[text.strip().lower()]}", []
    between = _RANGE.match(text.strip()) if numeric else None
    if between and None not in (low := _number(between[1]), high := _number(between[2])):
        return f"{name} BETWEEN ? AND ?", [low, high]
    sign, word = _SIGN.match(text).groups()  # type: ignore[union-attr]
    number = _number(word) if numeric else None
    if number is not None:
        return f"{name} {sign or '='} ?", [number]
    plain = f"lower(CAST({name} AS VARCHAR))"
    if sign is None or not word:
        return f"contains({plain}, lower(?))", [text.strip()]
    return f"{plain} {sign} lower(?)", [word]


def quoted(name: str) -> str:
    """Write the name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
