"""Reports that say that they are ours: signed with a key that never leaves the identity store."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["is_signed", "signed"]

_FIELD, _METHOD = "signature", "HMAC-SHA256"


def signed(secret: bytes, report: Mapping[str, Any]) -> dict[str, Any]:
    """Give a report with its signature."""
    return {**report, _FIELD: {"method": _METHOD, "value": _value(secret, report)}}


def is_signed(secret: bytes, report: Mapping[str, Any]) -> bool:
    """Tell whether a report was signed with this key and not changed since."""
    found = report.get(_FIELD)
    told = found.get("value") if isinstance(found, Mapping) else None
    rest = {key: value for key, value in report.items() if key != _FIELD}
    return isinstance(told, str) and hmac.compare_digest(
        told.encode(errors="replace"), _value(secret, rest).encode()
    )


def _value(secret: bytes, report: Mapping[str, Any]) -> str:
    """Sign the values, however the file is spaced and its keys are ordered."""
    plain = msgspec.json.encode(report, order="deterministic")
    return hmac.new(secret, b"release report\0" + plain, hashlib.sha256).hexdigest()
