"""Numbers of an image inside a region of interest."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from appliance.geometry import Volume, invert, nearest, voxel_to_world

__all__ = ["RoiStatistics", "roi_statistics"]


class RoiStatistics(TypedDict):
    """Statistics of one image in one ROI, ready for JSON.

    `volume` in mL and `area` in cm² are those of the ROI. `n_used` of its `n_voxels` voxels have a
    value in the image; without any, the values are None. `iqr1` and `iqr2` are the quartiles.
    """

    n_voxels: int
    n_used: int
    volume: float
    area: float
    mean: float | None
    std: float | None
    median: float | None
    iqr1: float | None
    iqr2: float | None
    minimum: float | None
    maximum: float | None


def roi_statistics(
    image: Volume, roi: Volume, *, frame: int = 0, exclude_zeros: bool = False
) -> RoiStatistics:
    """Measure an image inside a ROI.

    Parameters
    ----------
    image : Volume
        The image.
    roi : Volume
        Everything above 0 is inside. It may lie on another grid.
    frame : int
        Time point; the shorter of the two is held at its last one.
    exclude_zeros : bool
        Whether image values of exactly 0 are left out.

    Returns
    -------
    RoiStatistics
        For every ROI voxel the image voxel nearest in the world is read; outside the image and at
        NaN there is none.

    Notes
    -----
    Quantile p of n values is the sorted value number floor(n p), counted from 0, without
    interpolation; `std` is that of the population, sqrt(E[x^2] - mean^2). `area` is the number of
    voxels times the area of one in the first two axes, so it means something for a ROI in one
    slice only. Volume and area are always those of the whole ROI.
    """
    inside = np.argwhere(roi.frame(frame) > 0)
    values = _values(image, roi, inside, frame)
    if exclude_zeros:
        values = values[values != 0]
    i, j, _ = roi.grid.voxel_mm
    ordered = np.sort(values)
    lower, middle, upper = (_quantile(ordered, share) for share in (0.25, 0.5, 0.75))
    some = len(ordered) > 0
    return RoiStatistics(
        n_voxels=len(inside),
        n_used=len(ordered),
        volume=len(inside) * roi.grid.voxel_mm3 / 1000,
        area=len(inside) * i * j / 100,
        mean=float(ordered.mean()) if some else None,
        std=float(ordered.std()) if some else None,
        median=middle,
        iqr1=lower,
        iqr2=upper,
        minimum=float(ordered[0]) if some else None,
        maximum=float(ordered[-1]) if some else None,
    )


def _values(
    image: Volume, roi: Volume, inside: NDArray[np.int64], frame: int
) -> NDArray[np.float64]:
    data = image.frame(frame)
    if image.grid.matches(roi.grid):
        index = inside
    else:
        index = nearest(voxel_to_world(invert(image.affine) @ roi.affine, inside))
        index = index[image.grid.contains(index)]
    values = data[tuple(index.T)].astype(np.float64)
    return np.asarray(values[~np.isnan(values)])


def _quantile(ordered: NDArray[np.float64], share: float) -> float | None:
    return float(ordered[int(np.floor(len(ordered) * share))]) if len(ordered) else None
