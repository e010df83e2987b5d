"""Numbers of an image inside a region of interest at one time point, in short."""

from __future__ import annotations

from typing import TypedDict

from appliance.geometry import Volume
from appliance.imaging.roi_measures import RoiRules, measure_roi

__all__ = ["RoiStatistics", "roi_statistics"]


class RoiStatistics(TypedDict):
    """Statistics of one image in one ROI, ready for JSON.

    `volume` in mL and `area` in cm² are those of the ROI; the area is the sum over its slices.
    `n_used` of its `n_voxels` voxels have a value in the image; without any, the values are None.
    `iqr1` and `iqr2` are the quartiles.
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
    image: Volume,
    roi: Volume,
    *,
    frame: int = 0,
    exclude_zeros: bool = False,
    nora: bool = False,
) -> RoiStatistics:
    """Measure an image inside a ROI at one time point; see `measure_roi`.

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
    nora : bool
        Whether quantiles, volume and area are counted as NORA does.
    """
    rules = RoiRules(exclude_zeros=exclude_zeros, nora=nora)
    (found,) = measure_roi(image, roi, rules, [frame])
    return RoiStatistics(
        n_voxels=found["n_voxels"],
        n_used=found["n_used"],
        volume=found["volume_ml"],
        area=found["area_cm2"],
        mean=found["mean"],
        std=found["std"],
        median=found["median"],
        iqr1=found["iqr1"],
        iqr2=found["iqr2"],
        minimum=found["minimum"],
        maximum=found["maximum"],
    )
