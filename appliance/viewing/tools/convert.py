"""Program: write an image, or streamlines, in another format."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from appliance.formats import convert_file
from appliance.viewing.tools.running import output_folder, run_program

__all__ = ["main"]


def main(options: Namespace) -> None:
    """Read the file, write it in the format of the other name."""
    convert_file(options.image, output_folder(options.out))
    sys.stdout.write(f"wrote {options.out.name}\n")


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "Conversion.",
            (
                ("image", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
            ),
        )
    )
