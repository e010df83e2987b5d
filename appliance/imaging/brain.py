"""A brain mask by threshold and morphology: quick, without training, and to be looked at.

Steps, on an upright copy of 2 mm:

1. Head: above 10 % of the way from the 2 % to the 98 % quantile, opened by 4 mm against noise, the
   largest piece, and of it the upper 160 mm, so that the neck does not matter.
2. Tissue: above half the median of the head's middle (a ball of 45 mm), which leaves out fluid,
   bone and air.
3. Core: the tissue is eroded by 6 mm, which breaks the bridges to eyes and scalp, and its largest
   piece is kept.
4. It grows back by 8 mm within the tissue, is closed over the sulci by 8 mm, and holes are filled.

It is made for T1-weighted heads of adults with some dark space between brain and scalp, and gives
about its own outline for a brain that is stripped already. It fails with strong shading, large
lesions at the surface, T2 or EPI contrast, and CT.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Grid, Volume
from appliance.imaging.masks import close_mask, erode, fill_holes, keep_largest, open_mask
from appliance.imaging.resampling import resample

__all__ = ["brain_mask"]

_WORK_MM = 2.0
_HEAD_MM = 160.0
_MIDDLE_MM = 45.0
_OPEN_STEPS = 2
_ERODE_STEPS = 3
_GROW_STEPS = 4
_CLOSE_STEPS = 4
_MIN_CORE_MM3 = 20_000.0

Mask = NDArray[np.bool_]


def brain_mask(volume: Volume) -> Volume:
    """Separate the brain from the rest of a T1-weighted head.

    Parameters
    ----------
    volume : Volume
        T1-weighted image; of several frames the first is used.

    Returns
    -------
    Volume
        uint8, 0 or 1, on the grid of `volume`.

    Raises
    ------
    Invalid
        If nothing as large as a brain is found.
    """
    work = _coarse(volume)
    head = _head(work.data)
    tissue = (work.data > _tissue_threshold(work.data, head)) & head.any(axis=(0, 1))
    core = keep_largest(erode(tissue, _ERODE_STEPS))
    if core.sum() * _WORK_MM**3 < _MIN_CORE_MM3:
        raise Invalid(
            "no brain was found in the image", hint="The tool expects a T1-weighted head."
        )
    whole = _closed(_grow(core, tissue))
    fine = resample(work.like(whole.astype(np.float32)), volume.grid)
    return Volume((fine.data > 0.5).astype(np.uint8), volume.affine, volume.header)


def _coarse(volume: Volume) -> Volume:
    """Put the first frame on an upright grid of 2 mm."""
    data = np.nan_to_num(volume.frame().astype(np.float32), posinf=0, neginf=0)
    low, high = volume.grid.box()
    half = _WORK_MM / 2
    grid = Grid.around(low + half, high - half, _WORK_MM)
    return resample(Volume(data, volume.affine), grid)


def _head(data: NDArray[Any]) -> Mask:
    low, high = np.percentile(data, (2, 98))
    head = keep_largest(open_mask(data > low + 0.1 * (high - low), _OPEN_STEPS))
    layers = np.flatnonzero(head.any(axis=(0, 1)))
    if len(layers):
        head[:, :, : max(0, layers[-1] + 1 - round(_HEAD_MM / _WORK_MM))] = False
    return head


def _tissue_threshold(data: NDArray[Any], head: Mask) -> float:
    """Half the median around the head's centre."""
    places = np.argwhere(head)
    if not len(places):
        return np.inf
    away = np.linalg.norm(places - places.mean(axis=0), axis=1) * _WORK_MM
    middle = data[head][away < _MIDDLE_MM]
    return float(np.median(middle)) / 2 if len(middle) else np.inf


def _grow(core: Mask, tissue: Mask) -> Mask:
    from scipy.ndimage import binary_dilation

    grown: Mask = binary_dilation(core, iterations=_GROW_STEPS, mask=tissue)
    return grown


def _closed(mask: Mask) -> Mask:
    """Close over the sulci and fill holes, with room for the growth at the border."""
    room = _CLOSE_STEPS + 1
    closed = fill_holes(close_mask(np.pad(mask, room), _CLOSE_STEPS))
    return closed[room:-room, room:-room, room:-room]
