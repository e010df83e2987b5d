"""Measures of an image in a region, per time point: values, volume, areas, shape and histogram."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Grid, Volume, invert, nearest, voxel_to_world
from appliance.imaging.roi_shape import count_parts, slice_counts, surface_mm2

__all__ = ["Histogram", "RoiMeasures", "RoiRules", "measure_roi"]

_READ = "on another grid: the image voxel nearest to the centre of each ROI voxel was read"


@dataclass(frozen=True, kw_only=True)
class RoiRules:
    """How a ROI is measured.

    Attributes
    ----------
    exclude_zeros : bool
        Whether image values of exactly 0 are left out of the values.
    nora : bool
        Whether quantiles are NORA's (sorted value number floor(n p), no interpolation) and volume
        and areas count the voxels in use only.
    percentiles : tuple of float
        Between 0 and 100.
    bins : int
        Bins of the histogram; 0: none.
    """

    exclude_zeros: bool = False
    nora: bool = False
    percentiles: tuple[float, ...] = ()
    bins: int = 0
    components: bool = False
    surface: bool = False

    def __post_init__(self) -> None:
        if any(not 0 <= p <= 100 for p in self.percentiles) or not 0 <= self.bins <= 10_000:
            raise Invalid("percentiles lie between 0 and 100, and bins between 0 and 10000")


class Histogram(TypedDict):
    """Counts between edges; the last bin holds its upper edge, too."""

    edges: list[float]
    counts: list[int]


class RoiMeasures(TypedDict):
    """Measures of one image in one ROI at one time point, ready for JSON.

    `n_used` of the ROI's `n_voxels` voxels have a value; without any, the values are None. `iqr1`
    and `iqr2` are the quartiles, `std` is that of the population. `area_cm2` is the sum over all
    slices of the ROI's third axis, `area_max_cm2` the largest of them, `areas_cm2` each by slice.
    """

    frame: int
    roi_frame: int
    n_voxels: int
    n_used: int
    median: float | None
    iqr1: float | None
    iqr2: float | None
    mean: float | None
    std: float | None
    minimum: float | None
    maximum: float | None
    percentiles: dict[str, float | None]
    volume_ml: float
    area_cm2: float
    area_max_cm2: float
    areas_cm2: dict[str, float]
    n_slices: int
    components: int | None
    surface_mm2: float | None
    histogram: Histogram | None
    resampled: str


def measure_roi(
    image: Volume, roi: Volume, rules: RoiRules | None = None, frames: Sequence[int] | None = None
) -> list[RoiMeasures]:
    """Measure an image inside a ROI.

    Parameters
    ----------
    image : Volume
        Data (I, J, K) or (I, J, K, T).
    roi : Volume
        Everything above 0 is inside; may lie on another grid, and have time points of its own.
    rules : RoiRules, optional
    frames : sequence of int, optional
        Time points; by default all of the longer of the two. The shorter one is held at its last.

    Returns
    -------
    list of RoiMeasures
        For every ROI voxel the image voxel nearest in the world is read; outside the image and at
        NaN there is none.

    Raises
    ------
    Invalid
        If a time point is negative.

    Notes
    -----
    Quantiles are interpolated as numpy does by default. The volume is that of the whole ROI,
    voxels times the determinant of its affine, whatever values are left out. Nothing is rounded.
    """
    rules = rules or RoiRules()
    wanted = range(max(image.n_volumes, roi.n_volumes)) if frames is None else frames
    if any(frame < 0 for frame in wanted):
        raise Invalid("time points count from 0")
    return list(_measured(image, roi, rules, wanted))


@dataclass(frozen=True, eq=False)
class _Inside:
    """One frame of a ROI: where it is, what of the image it reads, and its shape."""

    frame: int
    grid: Grid
    mask: NDArray[np.bool_]
    n_voxels: int
    resampled: str
    index: tuple[NDArray[np.int64], ...]
    read: NDArray[np.bool_]
    components: int | None
    surface: float | None


def _measured(
    image: Volume, roi: Volume, rules: RoiRules, frames: Sequence[int]
) -> Iterator[RoiMeasures]:
    inside: _Inside | None = None
    for frame in frames:
        roi_frame = min(frame, roi.n_volumes - 1)
        if inside is None or inside.frame != roi_frame:
            inside = _look(image, roi, roi_frame, rules)
        at = min(frame, image.n_volumes - 1)
        values = image.frame(at)[inside.index].astype(np.float64)
        yield _row(inside, values, rules, at)


def _look(image: Volume, roi: Volume, frame: int, rules: RoiRules) -> _Inside:
    mask = roi.frame(frame) > 0
    voxels = np.argwhere(mask)
    index, read = voxels, np.ones(len(voxels), np.bool_)
    matches = image.grid.matches(roi.grid)
    if not matches:
        index = nearest(voxel_to_world(invert(image.affine) @ roi.affine, voxels))
        read = image.grid.contains(index)
    return _Inside(
        frame,
        roi.grid,
        mask,
        len(voxels),
        "" if matches else _READ,
        tuple(index[read].T),
        read,
        count_parts(mask) if rules.components else None,
        surface_mm2(mask, roi.affine) if rules.surface else None,
    )


def _row(inside: _Inside, values: NDArray[np.float64], rules: RoiRules, frame: int) -> RoiMeasures:
    used = ~np.isnan(values)
    if rules.exclude_zeros:
        used &= values != 0
    counted = _counted(inside, used) if rules.nora else inside.mask
    values = values[used]
    area_mm2, voxel_mm3 = _sizes(inside.grid, nora=rules.nora)
    areas = {str(at): n * area_mm2 / 100 for at, n in slice_counts(counted).items()}
    some = len(values) > 0
    quantiles = _quantiles(values, (50, 25, 75, *rules.percentiles), nora=rules.nora)
    return RoiMeasures(
        frame=frame,
        roi_frame=inside.frame,
        n_voxels=inside.n_voxels,
        n_used=len(values),
        median=quantiles[0],
        iqr1=quantiles[1],
        iqr2=quantiles[2],
        mean=float(values.mean()) if some else None,
        std=float(values.std()) if some else None,
        minimum=float(values.min()) if some else None,
        maximum=float(values.max()) if some else None,
        percentiles={
            f"{p:g}": one for p, one in zip(rules.percentiles, quantiles[3:], strict=True)
        },
        volume_ml=int(counted.sum()) * voxel_mm3 / 1000,
        area_cm2=sum(areas.values()),
        area_max_cm2=max(areas.values(), default=0.0),
        areas_cm2=areas,
        n_slices=len(areas),
        components=inside.components,
        surface_mm2=inside.surface,
        histogram=_histogram(values, rules.bins),
        resampled=inside.resampled,
    )


def _sizes(grid: Grid, *, nora: bool) -> tuple[float, float]:
    """Area of a voxel in its slice, and its volume; NORA multiplies edges."""
    i, j, k = grid.voxel_mm
    if nora:
        return i * j, i * j * k
    return float(np.linalg.norm(np.cross(grid.affine[:3, 0], grid.affine[:3, 1]))), grid.voxel_mm3


def _counted(inside: _Inside, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the voxels of a ROI whose values are in use, as NORA counts them."""
    kept = inside.read.copy()
    kept[inside.read] = used
    mask = np.zeros_like(inside.mask)
    mask[tuple(np.argwhere(inside.mask)[kept].T)] = True
    return mask


def _quantiles(
    values: NDArray[np.float64], percents: Sequence[float], *, nora: bool
) -> list[float | None]:
    if not len(values):
        return [None] * len(percents)
    if not nora:
        return [float(q) for q in np.percentile(values, percents)]
    ordered, last = np.sort(values), len(values) - 1
    return [float(ordered[min(last, int(len(values) * p / 100))]) for p in percents]


def _histogram(values: NDArray[np.float64], bins: int) -> Histogram | None:
    finite = values[np.isfinite(values)]
    if not bins or not len(finite):
        return None
    counts, edges = np.histogram(finite, bins)
    return Histogram(edges=edges.tolist(), counts=counts.tolist())
