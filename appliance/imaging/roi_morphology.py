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
from appliance.imaging.compiled import compiled
from appliance.imaging.roi_arrays import Mask, as_bytes, as_mask
from appliance.imaging.roi_bits import Words, last_word, pack, unpack

__all__ = ["Morph", "morph"]

Morph = Literal["erode", "dilate", "open", "close"]

_ONE, _LAST = np.uint64(1), np.uint64(63)
_TOP = _ONE << _LAST


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
    room = steps if what == "close" else 0
    words = _stepped(pack(data, room), what, steps, last_word(0 if room else data.shape[2]))
    return as_mask(unpack(words, data.shape, room), flip)


def _stepped(here: Words, what: Morph, steps: int, last: np.uint64) -> Words:
    spare = np.empty_like(here)
    for once in _STEPS[what]:
        for _ in range(steps):
            once(here, last, spare)
            here, spare = spare, here
    return here


@compiled
def _erode(a: Words, last: np.uint64, out: Words) -> None:
    ni, nj, n = a.shape
    for i in range(ni):
        low, high = max(i - 1, 0), min(i + 1, ni - 1)
        for j in range(nj):
            left, right = max(j - 1, 0), min(j + 1, nj - 1)
            before, here = _ONE, a[i, j, 0]
            for w in range(n - 1):
                after = a[i, j, w + 1]
                row = here & ((here << _ONE) | before) & ((here >> _ONE) | (after << _LAST))
                across = a[i, left, w] & a[i, right, w]
                out[i, j, w] = row & across & a[low, j, w] & a[high, j, w]
                before, here = here >> _LAST, after
            # What is beyond the row does not erode it.
            row = here & ((here << _ONE) | before) & (((here | ~last) >> _ONE) | _TOP)
            across = a[i, left, n - 1] & a[i, right, n - 1]
            out[i, j, n - 1] = row & across & a[low, j, n - 1] & a[high, j, n - 1]


@compiled
def _dilate(a: Words, last: np.uint64, out: Words) -> None:
    ni, nj, n = a.shape
    for i in range(ni):
        low, high = max(i - 1, 0), min(i + 1, ni - 1)
        for j in range(nj):
            left, right = max(j - 1, 0), min(j + 1, nj - 1)
            before, here = np.uint64(0), a[i, j, 0]
            for w in range(n):
                after = a[i, j, w + 1] if w + 1 < n else np.uint64(0)
                row = here | (here << _ONE) | before | (here >> _ONE) | (after << _LAST)
                across = a[i, left, w] | a[i, right, w]
                out[i, j, w] = row | across | a[low, j, w] | a[high, j, w]
                before, here = here >> _LAST, after
            out[i, j, n - 1] &= last


_STEPS: dict[Morph, tuple[Callable[[Words, np.uint64, Words], None], ...]] = {
    "erode": (_erode,),
    "dilate": (_dilate,),
    "open": (_erode, _dilate),
    "close": (_dilate, _erode),
}
