"""Program: a picture of many slices, with the outlines of a mask, to check a result."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.core import atomic_write
from appliance.formats import read_volume
from appliance.imaging import mosaic
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read image and labels, write the PNG."""
    from PIL import Image

    image = read_volume(options.image)
    labels = read_volume(options.labels) if options.labels else None
    pixels = mosaic(image, labels, columns=options.columns)
    with atomic_write(output_folder(options.out)) as stream:
        Image.fromarray(pixels).save(stream, format="PNG")
    sys.stdout.write(f"{pixels.shape[1]} x {pixels.shape[0]} pixels\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Quality mosaic.",
            (
                ("image", {"type": Path, "required": True}),
                ("labels", {"type": Path}),
                ("out", {"type": Path, "required": True}),
                ("columns", {"type": int, "default": 6}),
            ),
        )
    )
