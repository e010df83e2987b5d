"""Whether a rule takes a series: comparisons of what arrived with what the rule says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from appliance.core import FormatError, Invalid
from appliance.exchange.routing_rows import ARRIVAL_FIELDS, Condition, Missed, Route

__all__ = ["Header", "arrival_facts", "check_condition", "choose"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_CHARS = 1024
_RANGE = re.compile(r"\s*(-?[\d.:]+)\s*-\s*(-?[\d.:]+)\s*")


class Header:
    """Values of one object's header, read once and only when a rule asks for one."""

    def __init__(self, path: Path | None, fields: Sequence[str]) -> None:
        self._path, self._fields = path, fields
        self._values: dict[str, list[str]] | None = None

    def get(self, field: str) -> list[str]:
        """Give the values of a field; none when there is no header, or it lacks the field."""
        if self._values is None:
            self._values = self._read()
        return self._values.get(field, [])

    def _read(self) -> dict[str, list[str]]:
        from appliance.formats import header_values

        if self._path is None or not self._fields:
            return {}
        try:
            return header_values(self._path, self._fields)
        except FormatError:
            return {}


def arrival_facts(at_ms: int, source: str, told: Mapping[str, str]) -> dict[str, str]:
    """Give what is known of an arrival by field: time and day are those of this machine."""
    when = datetime.fromtimestamp(at_ms / 1000).astimezone()
    return {
        **told,
        "source": source,
        "time": f"{when:%H:%M}",
        "weekday": _DAYS[when.weekday()],
    }


def choose(
    routes: Sequence[Route], door: str, facts: Mapping[str, str], header: Header
) -> tuple[Route | None, list[Missed]]:
    """Give the first rule that takes a series, and why those before it did not."""
    missed: list[Missed] = []
    for route in routes:
        failed = _failed(route, door, facts, header)
        if failed is None:
            return route, missed
        missed.append(Missed(route.name, failed))
    return None, missed


def _failed(route: Route, door: str, facts: Mapping[str, str], header: Header) -> str | None:
    """Name what a rule failed on; None: it takes the series."""
    if not route.enabled:
        return "off"
    if door not in route.doors:
        return "door"
    for condition in route.when:
        if condition.field in ARRIVAL_FIELDS:
            told = facts.get(condition.field, "")
            values = [told] if told else []
        else:
            values = header.get(condition.field)
        if not _holds(condition, values):
            return condition.field
    return None


def _holds(condition: Condition, values: Sequence[str]) -> bool:
    if condition.op == "is_not":
        return not any(_is(value, condition.value) for value in values)
    return any(_COMPARE[condition.op](value[:_MOST_CHARS], condition.value) for value in values)


def _is(value: str, wanted: str) -> bool:
    return value.casefold() in {one.strip().casefold() for one in wanted.split(",")}


def _contains(value: str, wanted: str) -> bool:
    return wanted.casefold() in value.casefold()


def _like(value: str, wanted: str) -> bool:
    parts = (re.escape(part) for part in wanted.split("*"))
    return re.fullmatch(".*".join(parts), value, re.IGNORECASE) is not None


def _regex(value: str, wanted: str) -> bool:
    return re.search(wanted, value, re.IGNORECASE) is not None


def _less(value: str, wanted: str) -> bool:
    a, b = _number(value), _number(wanted)
    return a is not None and b is not None and a < b


def _more(value: str, wanted: str) -> bool:
    return _less(wanted, value)


def _within(value: str, wanted: str) -> bool:
    """Tell whether a number or a time lies in a range; one of times may pass midnight."""
    found = _RANGE.fullmatch(wanted)
    a, low, high = _number(value), *(_number(one) for one in (found.groups() if found else "  "))
    if a is None or low is None or high is None:
        return False
    return low <= a <= high if low <= high else a >= low or a <= high


_COMPARE = {
    "is": _is,
    "contains": _contains,
    "like": _like,
    "regex": _regex,
    "less": _less,
    "more": _more,
    "within": _within,
}


def _number(text: str) -> float | None:
    """Read a number; ``07:30`` is 7.5."""
    hours, colon, minutes = text.strip().partition(":")
    try:
        return float(hours) + (float(minutes) / 60 if colon else 0.0)
    except ValueError:
        return None


def check_condition(condition: Condition) -> None:
    """Refuse a comparison that could never be made.

    Raises
    ------
    Invalid
        With what is wrong.
    """
    from appliance.formats import dicom_tag

    if condition.field not in ARRIVAL_FIELDS and dicom_tag(condition.field) is None:
        raise Invalid(
            f"there is no field {condition.field!r}",
            hint=f"Use {', '.join(ARRIVAL_FIELDS)}, a DICOM keyword such as StationName, or a tag"
            " such as 0018,1030.",
        )
    if condition.op == "regex":
        try:
            re.compile(condition.value)
        except re.error as error:
            raise Invalid(f"{condition.value!r} is no regular expression: {error}") from error
    if condition.op == "within" and not _RANGE.fullmatch(condition.value):
        raise Invalid(f"{condition.value!r} is no range", hint="Such as 07:00-19:00 or 1.4-1.6.")
    if condition.op in ("less", "more") and _number(condition.value) is None:
        raise Invalid(f"{condition.value!r} is no number")
