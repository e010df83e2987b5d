"""Program: statistics of an image inside ROIs, as a JSON file ``{roi: {volume, mean, ...}}``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from appliance.core import atomic_write
from appliance.formats import read_volume, suffix_of
from appliance.imaging import roi_statistics
from appliance.viewing.tools.running import output_folder, run_tool

__all__ = ["main"]


def main(words: list[str]) -> None:
    """Read image and ROIs, write the table; volumes in mL, areas in cm2."""
    target, image = Path(words[0]), read_volume(Path(words[1]))
    table = {}
    for path in map(Path, words[2:]):
        name = path.name.removesuffix(suffix_of(path))
        table[name] = roi_statistics(image, read_volume(path))
    with atomic_write(output_folder(target)) as stream:
        stream.write(json.dumps(table, indent=1).encode() + b"\n")
    sys.stdout.write(f"{len(table)} ROI(s) measured\n")


if __name__ == "__main__":
    sys.exit(run_tool(main, sys.argv[1:], "roi_statistics <out> <image> <roi> [<roi> ...]"))
