"""Program: write an image as a DICOM series under the codes of its study."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from appliance.formats import dicom_uid, read_volume, write_dicom_series
from appliance.geometry import Volume
from appliance.viewing.tools.running import run_program

__all__ = ["main", "sixteen_bits"]

_LIMIT = 32000


def main(options: Namespace) -> None:
    """Read the image, write one object for each slice; of several frames the first."""
    image = read_volume(options.image)
    whole, slope = sixteen_bits(image)
    codes = [os.environ.get(f"NORA_{name}", "") for name in ("PROJECT", "SUBJECT", "STUDY")]
    tags = {
        "Modality": options.modality,
        "StudyInstanceUID": dicom_uid("study", *codes),
        "SeriesNumber": options.number,
        "SeriesDescription": options.description or options.image.name,
        "PatientID": codes[1],
        "PatientName": codes[1],
        "StudyID": codes[2][:16],
        "ImageType": ["DERIVED", "SECONDARY"],
        "RescaleSlope": f"{slope:.10g}"[:16],
        "RescaleIntercept": "0",
        "PatientIdentityRemoved": "YES",
    }
    paths = write_dicom_series(options.out, whole, tags)
    sys.stdout.write(f"{len(paths)} objects, one step is {slope:.6g}\n")


def sixteen_bits(image: Volume) -> tuple[Volume, float]:
    """Bring values to 16 bits: whole ones that fit stay, others are scaled; with the step."""
    data = np.nan_to_num(image.frame().astype(np.float64))
    top = float(np.abs(data).max())
    fits = top <= np.iinfo(np.int16).max and np.array_equal(data, np.rint(data))
    slope = 1.0 if fits or top == 0 else top / _LIMIT
    return Volume(np.rint(data / slope).astype(np.int16), image.affine, image.header), slope


if __name__ == "__main__":
    sys.exit(
        run_program(
            main,
            "NIfTI to DICOM.",
            (
                ("image", {"type": Path, "required": True}),
                ("out", {"type": Path, "required": True}),
                ("modality", {"default": "MR"}),
                ("description", {"default": ""}),
                ("number", {"type": int, "default": 900}),
            ),
        )
    )
