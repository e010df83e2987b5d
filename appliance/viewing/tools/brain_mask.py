"""Program: separate brain from skull in a head image and write the mask."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import brain_mask
from appliance.viewing.tools.running import output_folder, run_tool

__all__ = ["main"]


def main(words: list[str]) -> None:
    """Read the image, write the mask on its grid, and tell its volume."""
    image = read_volume(Path(words[0]))
    mask = brain_mask(image)
    write_nifti(output_folder(Path(words[1])), mask, template=image)
    millilitres = float(mask.data.sum()) * mask.grid.voxel_mm3 / 1000
    sys.stdout.write(f"brain mask: {millilitres:.1f} mL\n")


if __name__ == "__main__":
    sys.exit(run_tool(main, sys.argv[1:], "brain_mask <image> <mask>"))
