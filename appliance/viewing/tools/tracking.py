"""Program: follow a tensor field from seeds and write streamlines."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import read_volume, write_tck
from appliance.geometry import Volume
from appliance.imaging import TrackRules, track
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read the tensor and the masks, write the tractogram."""
    tensor = read_volume(options.tensor)
    mask = read_volume(options.mask) if options.mask else None
    seeds = read_volume(options.seeds) if options.seeds else _everywhere(tensor, mask)
    rules = TrackRules(options.fa, options.angle, options.step_mm, options.min_mm, options.max_mm)
    found = track(tensor, seeds, mask=mask, per_voxel=options.per_voxel, rules=rules)
    write_tck(output_folder(options.out), found)
    sys.stdout.write(f"{found.n_streamlines} streamlines\n")


def _everywhere(tensor: Volume, mask: Volume | None) -> Volume:
    """Seed the whole mask, or where there is diffusion at all."""
    if mask is not None:
        return mask
    return Volume((tensor.data[..., 0] > 0).astype("uint8"), tensor.affine)


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Tractography.",
            (
                ("tensor", {"type": Path, "required": True}),
                ("seeds", {"type": Path}),
                ("mask", {"type": Path}),
                ("out", {"type": Path, "required": True}),
                ("per_voxel", {"type": int, "default": 1}),
                ("fa", {"type": float, "default": 0.2}),
                ("angle", {"type": float, "default": 45.0}),
                ("step_mm", {"type": float, "default": 0.5}),
                ("min_mm", {"type": float, "default": 20.0}),
                ("max_mm", {"type": float, "default": 250.0}),
            ),
        )
    )
