"""Program: fit diffusion tensors and write their maps."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import MAPS, fit_tensor, foreground, read_gradients
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read image and gradient table; write one file for each map, and the mask."""
    image = read_volume(options.image)
    bvals, bvecs = read_gradients(
        options.bval.read_text(encoding="utf-8"), options.bvec.read_text(encoding="utf-8")
    )
    mask = read_volume(options.mask) if options.mask else foreground(image, bvals)
    maps = fit_tensor(image, bvals, bvecs, mask)
    for name in MAPS:
        write_nifti(output_folder(options.out / f"{name}.nii"), maps[name], template=image)
    write_nifti(options.out / "mask.nii", mask, template=image)
    inside = mask.data > 0
    mean = float(maps["fa"].data[inside].mean()) if inside.any() else 0.0
    sys.stdout.write(f"mean FA inside the mask {mean:.3f}\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "DTI fit.",
            (
                ("image", {"type": Path, "required": True}),
                ("bval", {"type": Path, "required": True}),
                ("bvec", {"type": Path, "required": True}),
                ("mask", {"type": Path}),
                ("out", {"type": Path, "required": True}),
            ),
        )
    )
