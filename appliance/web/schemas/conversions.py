"""Converting series again, as the API takes and tells it."""

from __future__ import annotations

import msgspec

from appliance.web.schemas.base import Input

__all__ = ["Conversions", "ConvertAgain"]


class ConvertAgain(Input, frozen=True):
    """Which series, by the name of its folder with ``*`` and ``_``; all by default."""

    series: str = ""


class Conversions(msgspec.Struct, frozen=True):
    """How many series will be converted."""

    n_series: int
