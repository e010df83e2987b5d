"""Chooses streamlines by length and by the regions they touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Tractogram, Volume, nearest

__all__ = ["filter_streamlines"]


def filter_streamlines(
    tracts: Tractogram,
    *,
    min_mm: float = 0.0,
    max_mm: float = float("inf"),
    include: Sequence[Volume] = (),
    exclude: Sequence[Volume] = (),
    ends_in: Sequence[Volume] = (),
) -> Tractogram:
    """Keep the streamlines that fit all conditions.

    Parameters
    ----------
    tracts : Tractogram
        RAS+ mm.
    min_mm, max_mm : float
        Limits of the length.
    include : sequence of Volume
        Masks of which each has to be touched.
    exclude : sequence of Volume
        Masks of which none may be touched.
    ends_in : sequence of Volume
        Each has to hold one of the two ends.

    Returns
    -------
    Tractogram

    Notes
    -----
    A streamline touches a mask when a point of it, or one of the places half a voxel apart between
    its points, lies in a voxel above 0.

    Raises
    ------
    Invalid
        If the limits contradict each other.
    """
    if min_mm > max_mm:
        raise Invalid("the least length is above the greatest")
    lengths = tracts.lengths_mm()
    kept = (lengths >= min_mm) & (lengths <= max_mm)
    for mask in include:
        kept &= _touches(tracts, mask)
    for mask in exclude:
        kept &= ~_touches(tracts, mask)
    for mask in ends_in:
        kept &= _ends(tracts, mask)
    return tracts.subset(np.flatnonzero(kept))


def _touches(tracts: Tractogram, mask: Volume) -> NDArray[np.bool_]:
    reach = min(mask.grid.voxel_mm) / 2
    found = np.zeros(tracts.n_streamlines, bool)
    for number, line in enumerate(tracts):
        found[number] = bool(_inside(_dense(line, reach), mask).any())
    return found


def _dense(line: NDArray[Any], reach: float) -> NDArray[Any]:
    """Put points between those of a streamline that are too far apart."""
    if len(line) < 2:
        return line
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    parts = max(1, int(np.ceil(steps.max() / reach)))
    if parts == 1:
        return line
    share = (np.arange(parts) / parts)[None, :, None]
    between = line[:-1, None, :] * (1 - share) + line[1:, None, :] * share
    return np.concatenate([between.reshape(-1, 3), line[-1:]])


def _ends(tracts: Tractogram, mask: Volume) -> NDArray[np.bool_]:
    full = np.diff(tracts.offsets) > 0
    found = np.zeros(tracts.n_streamlines, bool)
    first = tracts.points[tracts.offsets[:-1][full]]
    last = tracts.points[tracts.offsets[1:][full] - 1]
    found[full] = _inside(first, mask) | _inside(last, mask)
    return found


def _inside(points: NDArray[Any], mask: Volume) -> NDArray[np.bool_]:
    index = nearest(mask.grid.to_voxel(points))
    found = np.zeros(len(points), bool)
    there = mask.grid.contains(index)
    found[there] = mask.frame()[tuple(index[there].T)] > 0
    return found
