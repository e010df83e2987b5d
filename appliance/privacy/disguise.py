"""Values that stand in for others: keyed identifiers, moved dates, and dummies of each kind."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from typing import Any

__all__ = ["dummy", "keyed_id", "keyed_uid", "moved_date", "subject_label"]

_DUMMIES: dict[str, Any] = {
    "AE": "ANON",
    "AS": "000Y",
    "CS": "ANON",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "PN": "Removed",
    "TM": "000000",
    "UR": "urn:removed",
}
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_NUMBERS = frozenset({"FL", "FD", "SL", "SS", "SV", "UL", "US", "UV", "AT"})
_ID_LENGTH, _MARK_LENGTH = 12, 4


def dummy(vr: str) -> Any:
    """Give a value that tells nothing but fits a value representation."""
    if vr in _BINARY:
        return bytes(8)
    if vr in _NUMBERS:
        return 0
    return _DUMMIES.get(vr, "REMOVED")


def keyed_id(secret: bytes, kind: str, value: str) -> str:
    """Give a short identifier that stands for another one, always the same under one key."""
    return _base32(secret, kind, value)[:_ID_LENGTH]


def keyed_uid(secret: bytes, uid: str) -> str:
    """Give a UID that stands for another one, always the same under one key."""
    digest = _digest(secret, "uid", uid)
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def subject_label(secret: bytes, code: str) -> str:
    """Give a subject's code with a mark of its project, so that no two projects share one."""
    return f"{code}-{_base32(secret, 'project', '')[:_MARK_LENGTH]}"


def moved_date(text: str, days: int) -> str | None:
    """Move the date at the start of a DA or DT value; None when there is none."""
    digits = text.strip().replace(".", "").replace("-", "") if len(text) == 10 else text.strip()
    try:
        day = dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        return f"{day + dt.timedelta(days=days):%Y%m%d}{digits[8:]}"
    except (ValueError, OverflowError):
        return None


def _digest(secret: bytes, kind: str, value: str) -> bytes:
    return hmac.new(secret, f"{kind}\0{value}".encode(), hashlib.sha256).digest()


def _base32(secret: bytes, kind: str, value: str) -> str:
    return base64.b32encode(_digest(secret, kind, value)).decode().rstrip("=")
