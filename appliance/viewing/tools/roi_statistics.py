"""Program: statistics of an image inside ROIs, as a JSON file ``{roi: {volume, mean, ...}}``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from appliance.core import atomic_write
from appliance.formats import read_volume, suffix_of
from appliance.geometry import Volume
from appliance.imaging import roi_statistics
from appliance.viewing.tools.running import output_folder, run_tool

__all__ = ["main"]

_SERIES: Final[tuple[Literal["mean", "std", "median", "iqr1", "iqr2", "volume"], ...]] = (
    "mean",
    "std",
    "median",
    "iqr1",
    "iqr2",
    "volume",
)


def main(words: list[str]) -> None:
    """Read image and ROIs, write the table; volumes in mL, areas in cm2."""
    target, image = Path(words[0]), read_volume(Path(words[1]))
    table: dict[str, object] = {}
    for path in map(Path, words[2:]):
        table[_name(path, table)] = _measure(image, read_volume(path))
    with atomic_write(output_folder(target)) as stream:
        stream.write(json.dumps(table, indent=1).encode() + b"\n")
    sys.stdout.write(f"{len(table)} ROI(s) measured\n")


def _name(path: Path, taken: Mapping[str, object]) -> str:
    """Name a ROI after its file; the second of a name becomes ``name_2``."""
    stem = path.name[: len(path.name) - len(suffix_of(path))]
    names = [stem, *(f"{stem}_{n}" for n in range(2, len(taken) + 2))]
    return next(name for name in names if name not in taken)


def _measure(image: Volume, roi: Volume) -> dict[str, object]:
    """Measure the first time point; of several all, as lists under ``series``."""
    count = max(image.n_volumes, roi.n_volumes)
    rows = [roi_statistics(image, roi, frame=frame) for frame in range(count)]
    measured: dict[str, object] = dict(rows[0])
    if count > 1:
        measured["series"] = {key: [row[key] for row in rows] for key in _SERIES}
    return measured


if __name__ == "__main__":
    sys.exit(run_tool(main, sys.argv[1:], "roi_statistics <out> <image> <roi> [<roi> ...]"))
