"""Program: quick quality figures of one image, as JSON. What it reads may be damaged or huge."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from appliance.core import ApplianceError

__all__ = ["figures_of", "main"]


def figures_of(
    path: Path, *, in_time: bool, phase_axis: int | None, phantom: bool
) -> dict[str, float]:
    """Compute the figures that fit an image.

    Raises
    ------
    FormatError, NotFound, StorageError
        If it cannot be read.
    """
    from appliance.formats import read_volume
    from appliance.imaging import image_quality

    return image_quality(read_volume(path), in_time=in_time, phase_axis=phase_axis, phantom=phantom)


def main(words: list[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("image", type=Path)
    parser.add_argument("--in-time", action="store_true")
    parser.add_argument("--phase-axis", type=int)
    parser.add_argument("--phantom", action="store_true")
    options = parser.parse_args(words)
    try:
        found = figures_of(
            options.image,
            in_time=options.in_time,
            phase_axis=options.phase_axis,
            phantom=options.phantom,
        )
    except ApplianceError as error:
        sys.stderr.write(error.message)
        return 2
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
