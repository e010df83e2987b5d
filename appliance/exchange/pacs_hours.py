"""Hours of the day in which images may be pulled, such as ``20:00-06:00``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from appliance.core import SettingsError

__all__ = ["Hours"]

_SPAN = re.compile(r"\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*")
_DAY = 24 * 60


class Hours:
    """Spans of local time, parted by commas; none: always.

    Raises
    ------
    SettingsError
        If the text is no such spans.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._spans = [_span(part) for part in self.text.split(",")] if self.text else []

    def wait_s(self, now: datetime) -> float:
        """Give the seconds until the next span begins; 0 within one."""
        if not self._spans:
            return 0.0
        minute = now.hour * 60 + now.minute
        if any(_within(minute, span) for span in self._spans):
            return 0.0
        ahead = min((begin - minute) % _DAY for begin, _ in self._spans)
        begins = (now + timedelta(minutes=ahead)).replace(second=0, microsecond=0)
        return (begins - now).total_seconds()


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text)
    if match:
        begin, end = (int(match[n]) * 60 + int(match[n + 1]) for n in (1, 3))
        if begin < _DAY and end <= _DAY and begin != end and max(int(match[2]), int(match[4])) < 60:
            return begin, end
    raise SettingsError(f"{text!r} names no hours", hint="Write them as 20:00-06:00.")


def _within(minute: int, span: tuple[int, int]) -> bool:
    begin, end = span
    return begin <= minute < end if begin < end else minute >= begin or minute < end
