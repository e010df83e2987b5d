"""Lets pydicom read lossless JPEG (transfer syntaxes ending in .57 and .70) with our decoder."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.core import FormatError
from appliance.formats.jpeg_lossless import read_lossless_jpeg

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

__all__ = ["DECODER_DEPENDENCIES", "decode_frame", "is_available", "read_lossless_jpeg_too"]

_LABEL = "nora"
_SYNTAXES = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
DECODER_DEPENDENCIES: dict[str, tuple[str, ...]] = dict.fromkeys(_SYNTAXES, ("numpy", "numba"))


def read_lossless_jpeg_too() -> None:
    """Tell pydicom of the decoder; a second time changes nothing."""
    from pydicom.pixels.decoders.base import get_decoder

    for uid in _SYNTAXES:
        decoder = get_decoder(uid)
        if _LABEL not in decoder.available_plugins:
            with suppress(ValueError):  # another thread was first
                decoder.add_plugin(_LABEL, (__name__, "decode_frame"))


def is_available(uid: str) -> bool:
    """Tell whether a transfer syntax is read; pydicom asks."""
    return uid in _SYNTAXES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode one frame, and tell pydicom the form of its numbers.

    Raises
    ------
    FormatError
        If it is damaged, or of another size than its object says: rows would lie elsewhere, and
        so would what is blackened in them.
    """
    found = read_lossless_jpeg(source)
    if found.samples.shape != (runner.rows, runner.columns, runner.samples_per_pixel):
        raise FormatError("a lossless JPEG picture of another size than its object says")
    n_bits = 8 if found.precision <= 8 else 16
    if found.samples.shape[2] > 1:
        runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", n_bits)
    values: Any = found.samples
    if runner.pixel_representation == 1 and found.precision < n_bits:
        top = 1 << (found.precision - 1)  # the sign, where fewer bits were packed than stored
        values = (values.astype(np.int32) ^ top) - top
    return np.ascontiguousarray(values.astype(np.uint8 if n_bits == 8 else "<u2")).tobytes()
