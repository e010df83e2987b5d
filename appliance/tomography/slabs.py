"""Reads volumes that are larger than memory piece by piece, in the type a pyramid stores.

The pieces come out of a memory map; what was read is given back to the system at once.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError

__all__ = ["blocks", "forget", "stored_type", "value_offset"]

_BLOCK_BYTES = 8 << 20
_STORED = {"i1": "u1", "u1": "u1", "i2": "u2", "u2": "u2", "f2": "f4", "f4": "f4"}
_SHIFTED = {"i1": 1 << 7, "i2": 1 << 15}


def _code(dtype: np.dtype[Any]) -> str:
    return f"{dtype.kind}{dtype.itemsize}"


def stored_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Give the type in which a pyramid keeps values of `dtype`: uint8, uint16 or float32.

    Raises
    ------
    FormatError
        If a pyramid cannot hold them, such as complex values of a transform.
    """
    if (code := _code(dtype)) not in _STORED:
        raise FormatError(
            f"a pyramid cannot hold values of type {dtype}",
            hint="Volumes of 8 or 16 bit integers and of floats can be shown.",
        )
    return np.dtype(_STORED[code])


def value_offset(dtype: np.dtype[Any]) -> int:
    """Give what is added to each value so that it fits `stored_type`: 0, 128 or 32768."""
    return _SHIFTED.get(_code(dtype), 0)


def blocks(volume: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Walk a volume (nz, ny, nx) in pieces of whole rows, about 8 MiB each, native byte order."""
    nz, ny, nx = volume.shape
    rows = max(1, _BLOCK_BYTES // max(1, nx * volume.itemsize))
    depth = max(1, rows // max(1, ny))
    native = volume.dtype.newbyteorder("=")
    for z in range(0, nz, depth):
        for y in range(0, ny, rows):
            yield np.ascontiguousarray(volume[z : z + depth, y : y + rows], dtype=native)
        forget(volume)


def forget(volume: NDArray[Any]) -> None:
    """Give the pages of a memory-mapped volume back; they stay in the system's file cache."""
    base: object = volume
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)
