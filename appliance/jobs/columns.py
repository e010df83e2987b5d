"""The columns of the table of jobs: what each holds, and filters such as ``name:smooth*``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from appliance.core import Invalid

__all__ = ["COLUMNS", "ColumnFilter", "conditions", "parse_filter", "sort_expression"]

COLUMNS: Mapping[str, str] = {
    "created": "time",
    "started": "time",
    "ended": "time",
    "updated": "time",
    "name": "text",
    "function": "text",
    "psid": "text",
    "state": "text",
    "batch": "text",
    "queue": "text",
    "adapter": "text",
    "project": "text",
    "owner": "text",
    "why": "text",
    "failure": "text",
    "key": "text",
    "attempt": "number",
    "cpus": "number",
    "memory_mb": "number",
    "gpus": "number",
    "priority": "number",
    "wall_s": "number",
    "cpu_s": "number",
    "maxrss_kb": "number",
}
"""Name to kind: text, number, or time (ms UTC)."""
_COMPARED = re.compile(r"^(<=|>=|<|>|=)?\s*(.+?)$")
_RANGE = re.compile(r"^(.+?)\.\.(.+)$")
_AGO = re.compile(r"^(\d+)\s*(s|min|h|d)$")
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
Condition = tuple[str, list[Any]]


class ColumnFilter(NamedTuple):
    """What one column has to hold."""

    column: str
    text: str

    @property
    def kind(self) -> str:
        """Kind of the column."""
        return COLUMNS[self.column]


def parse_filter(text: str) -> ColumnFilter:
    """Read ``column:what``.

    Raises
    ------
    Invalid
        If there is no such column.
    """
    column, colon, what = text.partition(":")
    if not colon or column not in COLUMNS:
        raise Invalid(
            f"jobs have no column {column!r}", hint=f"Use column:what with {', '.join(COLUMNS)}."
        )
    return ColumnFilter(column, what.strip())


def sort_expression(column: str, expressions: Mapping[str, str]) -> str:
    """Give what to sort by, never NULL; columns that a listing lacks are all alike."""
    empty = "''" if COLUMNS[column] == "text" else "0"
    found = expressions.get(column, empty)
    return f"lower(ifnull({found}, ''))" if COLUMNS[column] == "text" else f"ifnull({found}, 0)"


def conditions(filters: Iterable[ColumnFilter], expressions: Mapping[str, str]) -> list[Condition]:
    """Turn filters into SQL.

    Text: words that the column has to hold, ``*`` any characters (then from begin to end),
    ``=exactly``, ``a | b`` one of them, ``!`` before it none of them. Numbers and times:
    ``>5``, ``<=5``, ``5..10``; times as ``2026-11-21`` or ``2h`` (that long ago).

    Raises
    ------
    Invalid
        If a number or time cannot be read.
    """
    return [_condition(one, expressions.get(one.column, "NULL")) for one in filters if one.text]


def _condition(one: ColumnFilter, expression: str) -> Condition:
    negated = one.text.startswith("!")
    parts = [part.strip() for part in one.text.removeprefix("!").split("|") if part.strip()]
    made = [
        _text(part, expression) if one.kind == "text" else _compared(part, expression, one.kind)
        for part in parts
    ]
    if not made:
        return "1", []
    sql = " OR ".join(f"({sql})" for sql, _ in made)
    values = [value for _, some in made for value in some]
    return (f"NOT coalesce({sql}, 0)" if negated else f"({sql})"), values


def _text(part: str, expression: str) -> Condition:
    if part.startswith("="):
        return f"{expression} = ? COLLATE NOCASE", [part[1:].strip()]
    whole = "*" in part
    words = [part] if whole else part.split()
    likes = [_like(word) if whole else f"%{_like(word)}%" for word in words]
    return " AND ".join([f"{expression} LIKE ? ESCAPE '\\'"] * len(likes)), list(likes)


def _like(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _compared(part: str, expression: str, kind: str) -> Condition:
    between = _RANGE.match(part)
    if between:
        low, high = _span(between[1].strip(), kind)[0], _span(between[2].strip(), kind)[1]
        return f"{expression} BETWEEN ? AND ?", [low, high]
    match = _COMPARED.match(part)
    sign, text = (match[1] or "=", match[2]) if match else ("=", part)
    low, high = _span(text.strip(), kind)
    if sign == "=":
        return f"{expression} BETWEEN ? AND ?", [low, high]
    return f"{expression} {sign} ?", [high if sign in (">", "<=") else low]


def _span(text: str, kind: str) -> tuple[float, float]:
    """Give the first and last value that a text means: a day has many moments, a number one."""
    try:
        return _moments(text) if kind == "time" else (float(text), float(text))
    except (ValueError, OverflowError):
        what = "time" if kind == "time" else "number"
        hint = "Such as 2026-11-21, 2026-11-21T14:00 or 2h." if kind == "time" else "Such as >60."
        raise Invalid(f"{text!r} is no {what}", hint=hint) from None


def _moments(text: str) -> tuple[float, float]:
    ago = _AGO.match(text)
    if ago:
        at = datetime.now(UTC).timestamp() - int(ago[1]) * _UNITS[ago[2]]
        return at * 1000, at * 1000
    start = datetime.fromisoformat(text)
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    length = timedelta(days=1) if len(text) <= len("2026-11-21") else timedelta(minutes=1)
    length = length if len(text) <= len("2026-11-21T14:00") else timedelta(seconds=1)
    return start.timestamp() * 1000, (start + length).timestamp() * 1000 - 1
