"""Masks as they travel between page and service: gzip of one bit, or one byte, per voxel.

Voxels run with i fastest, then j, then k; the first voxel is the lowest bit of the first byte. Each
frame begins at a byte.
"""

from __future__ import annotations

import gzip
import math
import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid

__all__ = ["Packing", "pack_bits", "unpack_mask"]

Packing = Literal["bits", "bytes"]
_GZIP = 31  # window bits of zlib that stand for gzip


def unpack_mask(
    data: bytes, shape: tuple[int, int, int], n_frames: int, packing: Packing
) -> NDArray[np.bool_]:
    """Read a mask.

    Returns
    -------
    ndarray
        (I, J, K), or (I, J, K, T) for more than one frame.

    Raises
    ------
    Invalid
        If the data are damaged or of another length; no more is unpacked than fits.
    """
    n_voxels = math.prod(shape)
    frame_bytes = (n_voxels + 7) // 8 if packing == "bits" else n_voxels
    raw = np.frombuffer(_unpacked(data, frame_bytes * n_frames), np.uint8)
    frames = raw.reshape(n_frames, frame_bytes)
    if packing == "bits":
        frames = np.unpackbits(frames, axis=1, count=n_voxels, bitorder="little")
    mask: NDArray[np.bool_] = (frames != 0).T.reshape(*shape, n_frames, order="F")
    return mask[..., 0] if n_frames == 1 else mask


def pack_bits(mask: NDArray[Any]) -> bytes:
    """Write a mask (I, J, K) or (I, J, K, T) as gzip of bits."""
    frames = mask[..., np.newaxis] if mask.ndim == 3 else mask
    packed = [
        np.packbits(frames[..., t].ravel(order="F") > 0, bitorder="little").tobytes()
        for t in range(frames.shape[3])
    ]
    return gzip.compress(b"".join(packed), 1, mtime=0)


def _unpacked(data: bytes, expected: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        raw = unpacker.decompress(data, expected + 1)
    except zlib.error as error:
        raise Invalid(f"the mask's data are damaged: {error}", hint="Send gzip.") from error
    if len(raw) != expected or not unpacker.eof:
        more = "more" if len(raw) > expected else f"{len(raw)}"
        raise Invalid(
            f"the mask holds {more} bytes, {expected} were expected",
            hint="It must have the voxels of its reference.",
        )
    return raw
