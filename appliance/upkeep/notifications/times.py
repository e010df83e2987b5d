"""Times of messages."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["moment"]


def moment(at_ms: int) -> datetime:
    """Give a time of the catalog as a moment in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
