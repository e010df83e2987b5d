"""TCK of MRtrix, in every number format it allows; lines of no points are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.geometry import Tractogram

__all__ = ["read_tck"]

_TYPES = {"Float32LE": "<f4", "Float32BE": ">f4", "Float64LE": "<f8", "Float64BE": ">f8"}
_MAGIC = "mrtrix tracks"
_LONGEST_HEADER = 1 << 20


def read_tck(path: Path) -> Tractogram:
    """Read the streamlines of a file; the number its header may tell is only checked.

    Raises
    ------
    FormatError
        If the header is damaged, or the points end before the mark that closes the file.
    """
    header = _header(path)
    points = _points(path, header)
    ends = np.flatnonzero(np.isnan(points[:, 0]))
    # Each line ends with a mark of its own; the mark is taken out, and so are lines of nothing.
    counts = np.diff(ends, prepend=-1) - 1
    kept = counts[counts > 0]
    declared = int(header.get("count", "0") or 0)
    if declared > len(counts):
        raise _cut_off(path, f"{len(counts)} of {declared} streamlines")
    offsets = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
    told = {"format": "tck", "file": header["file"]}
    return Tractogram(points[~np.isnan(points[:, 0])], offsets, header=told)


def _header(path: Path) -> dict[str, str]:
    """Lines of the header by their names."""
    with path.open("rb") as stream:
        text, end, _ = stream.read(_LONGEST_HEADER).partition(b"\nEND")
    first, *lines = text.decode("latin-1").splitlines() or [""]
    if first.strip() != _MAGIC or not end:
        raise FormatError(f"{path.name} is no readable streamline file: its header is damaged")
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _points(path: Path, header: dict[str, str]) -> NDArray[Any]:
    """Points (N, 3) before the mark that closes the file, with a mark after every line."""
    kind = _TYPES.get(header.get("datatype", ""))
    name, _, offset = header.get("file", "").partition(" ")
    if kind is None or name != "." or not offset.strip().isdigit():
        raise FormatError(
            f"{path.name} is no readable streamline file: its header tells no points",
            hint=f"Known number formats are {', '.join(_TYPES)}, in the file itself.",
        )
    numbers = np.fromfile(path, kind, offset=int(offset))
    rows = numbers[: len(numbers) // 3 * 3].reshape(-1, 3)
    closing = np.flatnonzero(np.isinf(rows).all(axis=1))
    if not len(closing):
        raise _cut_off(path, "the mark at its end is missing")
    points = rows[: closing[0]].astype(np.float32)
    if len(points) and not np.isnan(points[-1, 0]):
        points = np.concatenate((points, np.full((1, 3), np.nan, np.float32)))
    return points


def _cut_off(path: Path, what: str) -> FormatError:
    return FormatError(
        f"{path.name} is cut off: {what}", hint="Copy the file again from its source."
    )
