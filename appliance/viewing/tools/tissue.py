"""Program: tissue classes of a brain, and their volumes."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import brain_mask, tissue_classes
from appliance.viewing.tools.running import output_folder, run_program, write_json

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read image and mask; write labels, probabilities and volumes in mL."""
    image = read_volume(options.image)
    mask = read_volume(options.mask) if options.mask else brain_mask(image)
    labels, chances = tissue_classes(image, mask, n_classes=options.classes)
    write_nifti(output_folder(options.out), labels, template=image)
    if options.probabilities:
        write_nifti(output_folder(options.probabilities), chances, template=image)
    unit = labels.grid.voxel_mm3 / 1000
    volumes = {
        f"class_{n + 1}": float(chances.data[..., n].sum()) * unit for n in range(options.classes)
    }
    if options.table:
        write_json(options.table, {"tissue": {name: {"volume": v} for name, v in volumes.items()}})
    sys.stdout.write(", ".join(f"{name} {ml:.1f} mL" for name, ml in volumes.items()) + "\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Tissue classes.",
            (
                ("image", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("mask", {"type": Path}),
                ("probabilities", {"type": Path}),
                ("table", {"type": Path}),
                ("classes", {"type": int, "default": 3}),
            ),
        )
    )
