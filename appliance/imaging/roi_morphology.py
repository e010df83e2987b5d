"""Erosion, dilation, opening and closing of masks in the neighbourhood of six faces.

Steps are counted in voxels. Voxels outside the matrix take no part: they neither erode nor dilate.
Closing makes room around the matrix first, so that a mask does not stick to its border.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.imaging.compiled import parallel, prange
from appliance.imaging.roi_arrays import Bytes, Mask, as_bytes, as_mask

__all__ = ["Morph", "morph"]

Morph = Literal["erode", "dilate", "open", "close"]


def morph(mask: NDArray[Any], what: Morph, steps: int = 1) -> Mask:
    """Apply an operation `steps` times.

    Parameters
    ----------
    mask : ndarray
        (I, J, K); anything above 0 is on.
    what : {"erode", "dilate", "open", "close"}
        Opening is all erosions, then all dilations; closing the other way round.
    steps : int
        Number of 6-neighbour steps; 0 changes nothing.

    Returns
    -------
    ndarray of bool
        A new mask.

    Raises
    ------
    Invalid
        If the operation is unknown or `steps` is negative.
    """
    if what not in _STEPS:
        raise Invalid(f"not a morphological operation: {what!r}", hint=f"Use {sorted(_STEPS)}.")
    if steps < 0:
        raise Invalid(f"the number of steps cannot be {steps}")
    data, flip = as_bytes(mask)
    if steps == 0 or data.size == 0:
        return as_mask(data.copy(), flip)
    if what != "close":
        return as_mask(_stepped(data, what, steps), flip)
    return as_mask(_closed(data, steps), flip)


def _closed(data: Bytes, steps: int) -> Bytes:
    if steps > 1:
        inner = (slice(steps, -steps),) * 3
        return np.ascontiguousarray(_stepped(np.pad(data, steps), "close", steps)[inner])
    out = _stepped(data, "close", 1)
    # A voxel just outside is reached by the dilation only from the one on the border before it.
    for axis in range(3):
        for side in (0, -1):
            face = (slice(None),) * axis + (side,)
            out[face] &= data[face]
    return out


def _stepped(data: Bytes, what: Morph, steps: int) -> Bytes:
    here, spare = data, np.empty_like(data)
    for once in _STEPS[what]:
        for _ in range(steps):
            once(here, spare)
            here, spare = spare, np.empty_like(data) if here is data else here
    return here


@parallel
def _erode(a: Bytes, out: Bytes) -> None:
    ni, nj, nk = a.shape
    for i in prange(ni):
        low, high = max(i - 1, 0), min(i + 1, ni - 1)
        for j in range(nj):
            left, right = max(j - 1, 0), min(j + 1, nj - 1)
            here, to = a[i, j], out[i, j]
            one, two, three, four = a[low, j], a[high, j], a[i, left], a[i, right]
            for k in range(1, nk - 1):
                row = here[k - 1] & here[k] & here[k + 1]
                to[k] = row & one[k] & two[k] & three[k] & four[k]
            for k in (0, nk - 1):
                row = here[max(k - 1, 0)] & here[k] & here[min(k + 1, nk - 1)]
                to[k] = row & one[k] & two[k] & three[k] & four[k]


@parallel
def _dilate(a: Bytes, out: Bytes) -> None:
    ni, nj, nk = a.shape
    for i in prange(ni):
        low, high = max(i - 1, 0), min(i + 1, ni - 1)
        for j in range(nj):
            left, right = max(j - 1, 0), min(j + 1, nj - 1)
            here, to = a[i, j], out[i, j]
            one, two, three, four = a[low, j], a[high, j], a[i, left], a[i, right]
            for k in range(1, nk - 1):
                row = here[k - 1] | here[k] | here[k + 1]
                to[k] = row | one[k] | two[k] | three[k] | four[k]
            for k in (0, nk - 1):
                row = here[max(k - 1, 0)] | here[k] | here[min(k + 1, nk - 1)]
                to[k] = row | one[k] | two[k] | three[k] | four[k]


_STEPS: dict[Morph, tuple[Callable[[Bytes, Bytes], None], ...]] = {
    "erode": (_erode,),
    "dilate": (_dilate,),
    "open": (_erode, _dilate),
    "close": (_dilate, _erode),
}
