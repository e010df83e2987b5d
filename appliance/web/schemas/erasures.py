"""Bodies of erasures: which subject, and its code as a person typed it."""

from __future__ import annotations

from appliance.web.schemas.base import Input

__all__ = ["ErasureRequest"]


class ErasureRequest(Input, frozen=True, kw_only=True):
    """A subject to be erased for good; `typed` is its code once more."""

    subject: str
    typed: str
