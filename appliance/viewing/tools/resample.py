"""Program: draw an image with other voxels, or on the grid of another image."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.core import Invalid
from appliance.formats import read_header, read_volume, write_nifti
from appliance.geometry import Grid, Volume, as_affine
from appliance.imaging import resample
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["grid_for", "main"]


def grid_for(image: Volume, reference: Path | None, voxel_mm: float) -> Grid:
    """Give the grid to draw on: that of a reference, or the image's own box with cubic voxels.

    Raises
    ------
    Invalid
        If neither a reference nor a voxel size is given.
    """
    if reference is not None:
        header = read_header(reference)
        i, j, k = header["shape"][:3]
        return Grid((i, j, k), as_affine(header["affine"]))
    if not voxel_mm > 0:
        raise Invalid("neither a reference image nor a voxel size is given")
    low, high = image.grid.box()
    return Grid.around(low + voxel_mm / 2, high - voxel_mm / 2, voxel_mm)


def main(options: Namespace) -> None:
    """Read the image, write it on the other grid."""
    image = read_volume(options.image)
    grid = grid_for(image, options.reference, options.voxel_mm)
    order = 0 if options.interpolation == "nearest" else 1
    write_nifti(output_folder(options.out), resample(image, grid, order=order), template=image)
    shape = " x ".join(map(str, grid.shape))
    sys.stdout.write(f"{shape} voxels of {' x '.join(f'{mm:.3g}' for mm in grid.voxel_mm)} mm\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Resampling.",
            (
                ("image", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("reference", {"type": Path}),
                ("voxel_mm", {"type": float, "default": 0.0}),
                ("interpolation", {"choices": ("linear", "nearest"), "default": "linear"}),
            ),
        )
    )
