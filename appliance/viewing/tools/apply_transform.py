"""Program: draw images or labels through a transform that was found before."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from appliance.core import FormatError
from appliance.formats import read_volume, suffix_of, write_nifti
from appliance.geometry import Grid, as_affine
from appliance.imaging import pull_image
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read the image and the transform, write the image on the grid of the reference."""
    moving, reference = read_volume(options.moving), read_volume(options.reference)
    order = 0 if options.interpolation == "nearest" else 1
    grid: Grid = reference.grid
    if suffix_of(options.transform) == ".json":
        matrix = _matrix(options.transform)
        drawn = pull_image(moving, grid, matrix=matrix, order=order)
    else:
        drawn = pull_image(moving, grid, field=read_volume(options.transform), order=order)
    write_nifti(output_folder(options.out), drawn, template=reference)
    sys.stdout.write("drawn on the grid of the reference\n")


def _matrix(path: Path) -> np.ndarray:
    try:
        return as_affine(json.loads(path.read_bytes())["matrix"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{path.name} holds no transform", hint="It is a .transform.json or a field (.nii)."
        ) from error


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Drawing through a transform.",
            (
                ("moving", {"type": Path, "required": True}),
                ("reference", {"type": Path, "required": True}),
                ("transform", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("interpolation", {"choices": ("linear", "nearest"), "default": "linear"}),
            ),
        )
    )
