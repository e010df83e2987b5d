"""Operations on masks: morphology, connected components, holes, sets.

Everything counts in voxels of the mask's own matrix and in the neighbourhood of six faces, not in
millimetres. Masks are (I, J, K) truth arrays; anything above 0 is on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging.resampling import resample

__all__ = [
    "SetOperation",
    "close_mask",
    "combine_masks",
    "components",
    "dilate",
    "erode",
    "fill_holes",
    "keep_largest",
    "open_mask",
    "remove_salt",
]

Mask = NDArray[np.bool_]
SetOperation = Literal["intersection", "union", "difference"]


def erode(mask: NDArray[Any], steps: int = 1) -> Mask:
    """Take away voxels with a face to the outside; the matrix border is no outside."""
    from scipy.ndimage import binary_erosion

    eroded: Mask = binary_erosion(mask > 0, iterations=steps, border_value=1)
    return eroded


def dilate(mask: NDArray[Any], steps: int = 1) -> Mask:
    """Add voxels that share a face with the mask."""
    from scipy.ndimage import binary_dilation

    dilated: Mask = binary_dilation(mask > 0, iterations=steps)
    return dilated


def open_mask(mask: NDArray[Any], steps: int = 1) -> Mask:
    """Erode, then dilate: thin parts go."""
    return dilate(erode(mask, steps), steps)


def close_mask(mask: NDArray[Any], steps: int = 1) -> Mask:
    """Dilate, then erode: thin gaps go."""
    return erode(dilate(mask, steps), steps)


def components(mask: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the connected parts of a mask.

    Returns
    -------
    tuple of ndarray
        Labels (I, J, K), 0 outside and 1 for the largest part, and the number of voxels of each
        part, largest first.
    """
    from scipy.ndimage import label

    found, count = label(mask > 0)
    sizes = np.bincount(found.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    rank = np.zeros(count + 1, np.int32)
    rank[order + 1] = np.arange(1, count + 1)
    return rank[found], sizes[order]


def remove_salt(mask: NDArray[Any], threshold: int = 100) -> Mask:
    """Remove parts of at most `threshold` voxels."""
    labels, sizes = components(mask)
    keep: Mask = (labels > 0) & (labels <= int((sizes > threshold).sum()))
    return keep


def keep_largest(mask: NDArray[Any], count: int = 1) -> Mask:
    """Keep the `count` largest parts."""
    labels, _ = components(mask)
    kept: Mask = (labels > 0) & (labels <= count)
    return kept


def fill_holes(mask: NDArray[Any]) -> Mask:
    """Switch on what cannot be reached from the matrix border."""
    from scipy.ndimage import binary_fill_holes

    filled: Mask = binary_fill_holes(mask > 0)
    return filled


def combine_masks(mask: Volume, others: list[Volume], operation: SetOperation) -> Volume:
    """Combine a mask with others, on its own grid.

    Parameters
    ----------
    mask : Volume
        The mask that is changed.
    others : list of Volume
        The partners; on another grid they are interpolated trilinearly and cut at 0.5.
    operation : {"intersection", "union", "difference"}
        The difference takes away all partners.

    Returns
    -------
    Volume
        uint8, 0 or 1.
    """
    if operation not in _SETS:
        raise Invalid(f"not a set operation: {operation!r}", hint=f"Use one of {sorted(_SETS)}.")
    result = mask.frame() > 0
    for other in others:
        result = _SETS[operation](result, _on_grid(other, mask))
    return mask.like(result.astype(np.uint8))


def _on_grid(other: Volume, mask: Volume) -> Mask:
    if other.grid.matches(mask.grid):
        on: Mask = other.frame() > 0
        return on
    truth = Volume((other.frame() > 0).astype(np.float32), other.affine)
    return np.asarray(resample(truth, mask.grid).data > 0.5)


_SETS: dict[SetOperation, Callable[[Mask, Mask], Mask]] = {
    "intersection": lambda one, other: one & other,
    "union": lambda one, other: one | other,
    "difference": lambda one, other: one & ~other,
}
