"""Reads the log of an attempt, whose middle the supervisor may have given back to the disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Gap", "log_gap", "read_piece", "read_whole"]

_AT_ONCE = 1 << 18


class Gap(NamedTuple):
    """Bytes of a log, from `start` to before `end`, that were not kept."""

    start: int
    end: int

    @property
    def notice(self) -> bytes:
        """The sentence that stands there for readers."""
        left_out = (self.end - self.start) >> 20
        return f"\n[... {left_out} MiB of this log were not kept ...]\n".encode()


def log_gap(path: Path) -> Gap | None:
    """Tell what of a log was not kept; None when all of it was."""
    try:
        return Gap(*json.loads(path.with_name("log.gap").read_bytes()))
    except FileNotFoundError:
        return None


def read_piece(path: Path, offset: int, size: int) -> tuple[bytes, int]:
    """Read some bytes and tell where the next ones begin; of what was not kept, the notice."""
    gap = log_gap(path)
    if gap is not None and gap.start <= offset < gap.end:
        return gap.notice, gap.end
    if gap is not None and offset < gap.start:
        size = min(size, gap.start - offset)
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(size)
    except FileNotFoundError:
        return b"", offset
    return data, offset + len(data)


def read_whole(path: Path) -> Iterator[bytes]:
    """Give all of a log in pieces."""
    offset = 0
    while True:
        data, offset = read_piece(path, offset, _AT_ONCE)
        if not data:
            return
        yield data
