"""Program: take slow shading out of an image (N4)."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import correct_bias
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read the image, write it without its shading, and the shading if it is wanted."""
    image = read_volume(options.image)
    mask = read_volume(options.mask) if options.mask else None
    corrected, field = correct_bias(image, mask, shrink=options.shrink)
    write_nifti(output_folder(options.out), corrected, template=image)
    if options.field:
        write_nifti(output_folder(options.field), field, template=image)
    low, high = field.data.min(), field.data.max()
    sys.stdout.write(f"the shading goes from {low:.3g} to {high:.3g}\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Bias correction by N4.",
            (
                ("image", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("mask", {"type": Path}),
                ("field", {"type": Path}),
                ("shrink", {"type": int, "default": 4}),
            ),
        )
    )
