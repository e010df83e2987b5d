"""Program: compute a formula over images."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import calculate
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read the images, write the result on the grid of the first."""
    images = [read_volume(path) for path in (options.a, options.b, options.c) if path]
    result = calculate(options.formula, images)
    write_nifti(output_folder(options.out), result, template=images[0])
    low, high = float(result.data.min()), float(result.data.max())
    sys.stdout.write(f"values from {low:.6g} to {high:.6g}\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Image arithmetic.",
            (
                ("formula", {"required": True}),
                ("a", {"type": Path, "required": True}),
                ("b", {"type": Path}),
                ("c", {"type": Path}),
                ("out", {"type": Path, "required": True}),
            ),
        )
    )
