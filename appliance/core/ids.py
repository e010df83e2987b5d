"""Durable keys and the one clock: integer milliseconds UTC inside, ISO 8601 with Z outside."""

from __future__ import annotations

import base64
import secrets
import time
from datetime import UTC, datetime

__all__ = ["iso", "new_key", "new_keys", "now_ms", "parse_iso"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no letter looks like a digit
_TIME_CHARS, _RANDOM_CHARS = 9, 7
_FROM_RFC = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET.encode())


def new_key() -> str:
    """Make a durable identifier: 16 characters that sort by time of creation.

    Returns
    -------
    str
        45 bits of time in milliseconds, then 35 random bits, in lower-case base32.
    """
    value = (now_ms() << (5 * _RANDOM_CHARS)) | secrets.randbits(5 * _RANDOM_CHARS)
    chars = []
    for _ in range(_TIME_CHARS + _RANDOM_CHARS):
        value, digit = divmod(value, 32)
        chars.append(_ALPHABET[digit])
    return "".join(reversed(chars))


def new_keys(n: int) -> list[str]:
    """Make many durable identifiers of one moment at once."""
    time_part = new_key()[:_TIME_CHARS]
    digits = base64.b32encode(secrets.token_bytes(5 * n)).translate(_FROM_RFC).decode()
    return [time_part + digits[i : i + _RANDOM_CHARS] for i in range(0, 8 * n, 8)]


def now_ms() -> int:
    """Tell the present time as integer milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def iso(at_ms: int) -> str:
    """Write a time as ISO 8601 with milliseconds and Z."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def parse_iso(text: str) -> int:
    """Read an ISO 8601 time with a zone as integer milliseconds UTC.

    Raises
    ------
    ValueError
        If the text is no time or names no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return round(moment.timestamp() * 1000)
