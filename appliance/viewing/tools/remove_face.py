"""Program: take the face out of a head image and write what is left as a new image."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.formats import read_volume, write_nifti
from appliance.imaging import remove_face
from appliance.viewing.tools.running import number, output_folder, run_tool, write_json

__all__ = ["main"]


def main(words: list[str]) -> None:
    """Read the image, write it without its face, and tell how much was taken."""
    image = read_volume(Path(words[0]))
    found = remove_face(image, margin_mm=number(words[2]) if len(words) > 2 else 5.0)
    target = output_folder(Path(words[1]))
    write_nifti(target, found.image, template=image)
    name = target.name.removesuffix(".gz").removesuffix(".nii")
    facts = {"FaceRemoved": True, "RemovedMilliliters": round(found.removed_ml, 1)}
    write_json(target.with_name(f"{name}.json"), facts)
    sys.stdout.write(f"taken away: {found.removed_ml:.0f} mL, plane at {found.tilt_deg:.0f}°\n")


if __name__ == "__main__":
    sys.exit(run_tool(main, sys.argv[1:], "remove_face <image> <out> [<margin>]"))
