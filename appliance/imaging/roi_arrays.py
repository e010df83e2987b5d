"""Masks as the kernels want them: bytes of 0 and 1, the last axis contiguous."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bytes", "Mask", "as_bytes", "as_mask", "turned"]

Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


def turned(array: NDArray[Any]) -> bool:
    """Tell whether the first axis is the contiguous one, as NIfTI has it."""
    return bool(array.flags.f_contiguous and not array.flags.c_contiguous)


def as_bytes(mask: NDArray[Any]) -> tuple[Bytes, bool]:
    """View (or copy) a mask with its last axis contiguous; tells whether the axes were turned."""
    truth = mask if mask.dtype == bool else mask > 0
    flip = turned(truth)
    return np.ascontiguousarray(truth.T if flip else truth).view(np.uint8), flip


def as_mask(data: Bytes, flip: bool) -> Mask:
    """Give a result the axes of the mask it came from."""
    truth: Mask = data.view(np.bool_)
    return truth.T if flip else truth
