"""Puts photographs into a CZI as a slide scanner does: attachments, listed in a directory."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

__all__ = ["attach"]


def _segment(name: bytes, body: bytes) -> bytes:
    return struct.pack("<16sqq", name, len(body), len(body)) + body


def attach(path: Path, photographs: Sequence[tuple[str, str, bytes]]) -> None:
    """Append attachments (name, form, bytes) and their directory to a CZI file."""
    entries = []
    with path.open("r+b") as stream:
        for name, form, data in photographs:
            stream.seek(0, 2)
            at = stream.tell()
            told = (b"A1", bytes(10), at, 0, bytes(16), form.encode(), name.encode())
            entry = struct.pack("<2s10sqi16s8s80s", *told)
            body = struct.pack("<i12s", len(data), bytes(12)) + entry + bytes(112) + data
            stream.write(_segment(b"ZISRAWATTACH", body))
            entries.append(entry)
        stream.seek(0, 2)
        directory = stream.tell()
        head = struct.pack("<i252s", len(entries), bytes(252))
        stream.write(_segment(b"ZISRAWATTDIR", head + b"".join(entries)))
        stream.seek(32 + 72)
        stream.write(struct.pack("<q", directory))
