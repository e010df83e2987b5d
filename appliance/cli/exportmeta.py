"""Metadata of many JSON files as one table on standard output."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appliance.core import Invalid

if TYPE_CHECKING:
    from appliance.cli.call import Call

__all__ = ["export"]

_SHAPES = ("wide", "tree", "sparse", "long")


class _Lines(io.RawIOBase):
    """Standard output that counts its lines."""

    def __init__(self) -> None:
        self.n = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        """Pass bytes on."""
        data = bytes(piece)
        self.n += data.count(b"\n")
        sys.stdout.buffer.write(data)
        return len(data)


def export(call: Call, studies: Sequence[str], files: str) -> bool:
    """Print the table; tell whether there was a row.

    Parameters
    ----------
    studies : sequence of str
        Studies to look in; none: all.
    files : str
        File selector.

    Raises
    ------
    Invalid
        If there is no such shape.
    """
    shape = call.line.options.get("shape", "wide")
    if shape not in _SHAPES:
        raise Invalid(f"no shape {shape!r}", hint=f"Use one of {', '.join(_SHAPES)}.")
    asked: dict[str, Any] = {
        "columns": call.listed("keys"),
        "files": files,
        "studies": list(studies),
        "per": "file" if call.wants("byfilename") else "study",
    }
    if call.wants("json"):
        return _as_json(call, asked)
    lines = _Lines()
    with io.BufferedWriter(lines) as out:
        german = call.wants("german")
        call.client.export_meta(
            call.project, out, **asked, shape=shape, german=german, newline="\n"
        )
        out.flush()
        return lines.n > 1


def _as_json(call: Call, asked: dict[str, Any]) -> bool:
    found = call.client.meta(call.project, **asked)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    if asked["per"] == "study":
        rows = [{name: row[name] for name in row if name != "file"} for row in rows]
    print(json.dumps(rows, indent=1))
    return bool(rows)
