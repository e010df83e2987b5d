"""Program: bring an image onto another one, and write the image and the transform."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import itk_affine_text, pull_image, register
from appliance.viewing.tools.running import output_folder, run_program, write_json

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read both images; write the moved one, the matrix, and for a deformation its field."""
    moving, fixed = read_volume(options.moving), read_volume(options.fixed)
    mask = read_volume(options.mask) if options.mask else None
    found = register(moving, fixed, options.motion, mask=mask, metric=options.metric)
    if found.field is None:
        drawn = pull_image(moving, fixed.grid, matrix=found.matrix)
    else:
        drawn = pull_image(moving, fixed.grid, field=found.field)
    write_nifti(output_folder(options.out), drawn, template=fixed)
    write_json(
        options.transform,
        {
            "matrix": found.matrix.tolist(),
            "direction": "pull: world of the fixed image to world of the moving one, RAS mm",
            "motion": options.motion,
            "moving": options.moving.name,
            "fixed": options.fixed.name,
            "metric": {options.metric: found.metric},
        },
    )
    if options.itk:
        output_folder(options.itk).write_text(itk_affine_text(found.matrix), encoding="ascii")
    if options.field and found.field is not None:
        write_nifti(output_folder(options.field), found.field, template=fixed)
    sys.stdout.write(f"{options.motion} registration, {options.metric} {found.metric:.5g}\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Registration.",
            (
                ("moving", {"type": Path, "required": True}),
                ("fixed", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("transform", {"type": Path, "required": True}),
                ("motion", {"choices": ("rigid", "affine", "deformable"), "required": True}),
                ("mask", {"type": Path}),
                ("field", {"type": Path}),
                ("itk", {"type": Path}),
                (
                    "metric",
                    {
                        "choices": ("mutual_information", "correlation", "squares"),
                        "default": "mutual_information",
                    },
                ),
            ),
        )
    )
