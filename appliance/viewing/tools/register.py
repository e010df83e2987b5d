"""Program: bring an image onto another one, and write the image and the transform."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from appliance.formats import read_volume, write_nifti
from appliance.geometry import Volume
from appliance.imaging import Registration, itk_affine_text, pull_image, register
from appliance.viewing.tools.running import output_folder, run_program, write_json

__all__ = ["main"]

_FIELD = {
    "kind": "deformation field: absolute places",
    "units": "mm",
    "axes": "RAS+",
    "components": "x, y, z along the fourth axis",
}
_FIELDS = {
    "field": {
        "direction": "pull: voxels of the fixed image, places in the world of the moving one",
        "draws": "moving images and labels on the grid of the fixed one",
    },
    "inverse": {
        "direction": "pull: voxels of the moving image, places in the world of the fixed one",
        "draws": "fixed images and labels on the grid of the moving one",
    },
}


def main(options: Namespace) -> None:
    """Read both images; write the moved one, the matrix, and for a deformation its fields."""
    moving, fixed = read_volume(options.moving), read_volume(options.fixed)
    mask = read_volume(options.mask) if options.mask else None
    found = register(
        *(moving, fixed, options.motion),
        mask=mask,
        metric=options.metric,
        voxel_mm=options.voxel_mm,
    )
    write_nifti(output_folder(options.out), _drawn(found, moving, fixed), template=fixed)
    write_json(
        options.transform,
        {
            "matrix": found.matrix.tolist(),
            "direction": "pull: world of the fixed image to world of the moving one, RAS mm",
            "motion": options.motion,
            "moving": options.moving.name,
            "fixed": options.fixed.name,
            "metric": {options.metric: found.metric},
            **_write_fields(options, found, moving, fixed),
        },
    )
    if options.itk:
        output_folder(options.itk).write_text(itk_affine_text(found.matrix), encoding="ascii")
    sys.stdout.write(f"{options.motion} registration, {options.metric} {found.metric:.5g}\n")


def _drawn(found: Registration, moving: Volume, fixed: Volume) -> Volume:
    if found.deformation is None:
        return pull_image(moving, fixed.grid, matrix=found.matrix)
    return pull_image(moving, fixed.grid, field=found.deformation.field)


def _write_fields(
    options: Namespace, found: Registration, moving: Volume, fixed: Volume
) -> dict[str, Any]:
    """Write the fields of a deformation; give what a reader has to know of them."""
    if found.deformation is None:
        return {}
    facts: dict[str, Any] = {}
    for name, field, template in (
        ("field", found.deformation.field, fixed),
        ("inverse", found.deformation.inverse, moving),
    ):
        path = getattr(options, name)
        if path:
            write_nifti(output_folder(path), field, template=template)
            facts[name] = {"file": path.name, **_FIELDS[name], **_FIELD}
    return facts


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
                ("inverse", {"type": Path}),
                ("voxel_mm", {"type": float, "default": 2.0}),
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
