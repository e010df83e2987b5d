"""Program: keep streamlines by length and by the masks they touch."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import read_streamlines, read_volume, write_tck
from appliance.imaging import filter_streamlines
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read the tractogram and the masks, write what is left."""
    tracts = read_streamlines(options.tracts)
    kept = filter_streamlines(
        tracts,
        min_mm=options.min_mm,
        max_mm=options.max_mm,
        include=[read_volume(path) for path in options.include],
        exclude=[read_volume(path) for path in options.exclude],
        ends_in=[read_volume(path) for path in options.ends_in],
    )
    write_tck(output_folder(options.out), kept)
    sys.stdout.write(f"{kept.n_streamlines} of {tracts.n_streamlines} streamlines\n")


if __name__ == "__main__":
    several = {"type": Path, "nargs": "*", "default": []}
    sys.exit(
        run_program(
            main,
            "Streamline filter.",
            (
                ("tracts", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("min_mm", {"type": float, "default": 0.0}),
                ("max_mm", {"type": float, "default": 1000.0}),
                ("include", several),
                ("exclude", several),
                ("ends_in", several),
            ),
        )
    )
