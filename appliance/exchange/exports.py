"""A place for a zip that is read while it is written, so that it never lies anywhere whole."""

from __future__ import annotations

import io

__all__ = ["ZipSink"]


class ZipSink(io.RawIOBase):
    """Collects what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Tell that it takes bytes."""
        return True

    def write(self, data: object) -> int:
        """Take some bytes."""
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def take(self) -> bytes:
        """Give what was written since the last time."""
        found = b"".join(self._parts)
        self._parts.clear()
        return found
