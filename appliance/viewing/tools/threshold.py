"""Program: a mask or numbered parts out of an image, by thresholds."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Literal

from appliance.core import Invalid
from appliance.formats import read_volume, write_nifti
from appliance.geometry import Volume
from appliance.imaging import numbered_parts, threshold
from appliance.viewing.tools.running import output_folder, run_program, write_json

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read the image; write the mask or the labels, and the volumes of the parts."""
    image = read_volume(options.image)
    low: float | Literal["otsu"] | None = "otsu" if options.otsu else options.low
    mask = threshold(Volume(image.frame(), image.affine, image.header), low, options.high)
    parts = numbered_parts(mask, min_mm3=options.min_ml * 1000, largest=options.largest)
    result = parts if options.labels else parts.like((parts.data > 0).astype("uint8"))
    write_nifti(output_folder(options.out), result, template=image)
    count = int(parts.data.max(initial=0))
    if not count:
        raise Invalid("nothing lies between the limits")
    sizes = [int((parts.data == n).sum()) for n in range(1, min(count, 1000) + 1)]
    volumes = [size * parts.grid.voxel_mm3 / 1000 for size in sizes]
    if options.table:
        write_json(options.table, {"parts": {"count": count, "volume": volumes}})
    sys.stdout.write(f"{count} part(s), the largest has {volumes[0]:.3f} mL\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Threshold and components.",
            (
                ("image", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("low", {"type": float}),
                ("high", {"type": float}),
                ("otsu", {"action": "store_true"}),
                ("min_ml", {"type": float, "default": 0.0}),
                ("largest", {"type": int, "default": 0}),
                ("labels", {"action": "store_true"}),
                ("table", {"type": Path}),
            ),
        )
    )
