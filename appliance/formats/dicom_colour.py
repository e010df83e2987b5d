"""DICOM frames in colour: RGB, YBR and palettes, as bytes of red, green and blue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.formats.dicom_open import open_dicom, pixel_array

__all__ = ["decode_colours", "is_colour"]

_PALETTE = "PALETTE COLOR"


def is_colour(ds: Any) -> bool:
    """Tell whether the pixels of an object have colours."""
    return int(ds.get("SamplesPerPixel") or 1) == 3 or _is_palette(ds)


def decode_colours(path: Path, number: int) -> NDArray[np.uint8]:
    """Give a frame, (rows, columns, 3); whatever the decoder raises is passed on."""
    from pydicom.pixels.processing import apply_color_lut

    ds = open_dicom(path, stop_before_pixels=True)
    if not _is_palette(ds):
        return _as_bytes(pixel_array(path, number, raw=False), int(ds.BitsStored))
    coloured = apply_color_lut(pixel_array(path, number, raw=True), ds)
    return _as_bytes(coloured[..., :3], int(ds.RedPaletteColorLookupTableDescriptor[2]))


def _is_palette(ds: Any) -> bool:
    return str(ds.get("PhotometricInterpretation", "")) == _PALETTE


def _as_bytes(data: NDArray[Any], n_bits: int) -> NDArray[np.uint8]:
    """Keep the upper eight bits; some writers of 16-bit palettes fill only the lower ones."""
    if data.ndim != 3 or data.shape[2] != 3:
        raise ValueError("a colour frame has three values in a pixel")
    if n_bits > 8 and data.max() > 255:
        data = data >> (n_bits - 8)
    return data.astype(np.uint8)
