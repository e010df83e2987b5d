"""Program: smooth an image with a Gaussian whose width is given in millimetres."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import smooth
from appliance.viewing.tools.running import number, output_folder, run_tool

__all__ = ["main"]


def main(words: list[str]) -> None:
    """Read the image, smooth it, write it."""
    image, width_mm = read_volume(Path(words[0])), number(words[2])
    write_nifti(output_folder(Path(words[1])), smooth(image, width_mm), template=image)
    sys.stdout.write(f"smoothed with {width_mm:g} mm\n")


if __name__ == "__main__":
    sys.exit(run_tool(main, sys.argv[1:], "smooth <image> <out> <fwhm_mm>"))
