"""How well two masks agree: overlap, volumes, distances of their surfaces, where they differ."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging.resampling import resample

__all__ = ["Agreement", "SliceDifference", "mask_agreement"]

_RESAMPLED = "the second mask was read on the grid of the first, nearest voxel"
Mask = NDArray[np.bool_]


class SliceDifference(TypedDict):
    """Voxels of one slice (third axis) that only one of two masks holds."""

    k: int
    n_only_a: int
    n_only_b: int


class Agreement(TypedDict):
    """Agreement of two masks, ready for JSON.

    `dice` is 2 |A and B| / (|A| + |B|), `jaccard` |A and B| / |A or B|; both None when both masks
    are empty. The distances, in mm, are between the centres of border voxels: `mean_surface_mm`
    over both borders, `hausdorff_mm` the largest, `hausdorff95_mm` the larger of the two 95 %
    percentiles; None when one of the masks is empty. `resampled` says when the grids differ.
    """

    dice: float | None
    jaccard: float | None
    n_a: int
    n_b: int
    n_both: int
    n_only_a: int
    n_only_b: int
    volume_a_ml: float
    volume_b_ml: float
    mean_surface_mm: float | None
    hausdorff_mm: float | None
    hausdorff95_mm: float | None
    resampled: str
    slices: list[SliceDifference]


def mask_agreement(a: Volume, b: Volume, *, frame: int = 0) -> Agreement:
    """Compare two masks; everything above 0 is on.

    Parameters
    ----------
    a, b : Volume
        The masks. Where their grids differ, `b` is read at the voxels of `a`; its volume is
        always that on its own grid.
    frame : int
        Time point; a mask with fewer is held at its last.

    Raises
    ------
    Invalid
        If the frame is negative.
    """
    if frame < 0:
        raise Invalid(f"there is no frame {frame}")
    own = b.like((b.frame(frame) > 0).astype(np.uint8))
    matches = a.grid.matches(b.grid)
    first = a.frame(frame) > 0
    second = (own if matches else resample(own, a.grid, order=0)).data > 0
    n_a, n_b = int(first.sum()), int(second.sum())
    n_both = int((first & second).sum())
    n_any = n_a + n_b - n_both
    mean, largest, largest95 = _surfaces(first, second, a.grid.voxel_mm)
    return Agreement(
        dice=2 * n_both / (n_a + n_b) if n_any else None,
        jaccard=n_both / n_any if n_any else None,
        n_a=n_a,
        n_b=n_b,
        n_both=n_both,
        n_only_a=n_a - n_both,
        n_only_b=n_b - n_both,
        volume_a_ml=n_a * a.grid.voxel_mm3 / 1000,
        volume_b_ml=int((own.data > 0).sum()) * b.grid.voxel_mm3 / 1000,
        mean_surface_mm=mean,
        hausdorff_mm=largest,
        hausdorff95_mm=largest95,
        resampled="" if matches else _RESAMPLED,
        slices=_slices(first, second),
    )


def _slices(a: Mask, b: Mask) -> list[SliceDifference]:
    only_a, only_b = ((one & ~other).sum(axis=(0, 1)) for one, other in ((a, b), (b, a)))
    return [
        SliceDifference(k=int(k), n_only_a=int(only_a[k]), n_only_b=int(only_b[k]))
        for k in np.flatnonzero(only_a + only_b)
    ]


def _surfaces(
    a: Mask, b: Mask, voxel_mm: tuple[float, float, float]
) -> tuple[float | None, float | None, float | None]:
    if not (a.any() and b.any()):
        return None, None, None
    box = _box(a | b)
    borders = [_border(mask[box]) for mask in (a, b)]
    from scipy.ndimage import distance_transform_edt

    far = [distance_transform_edt(~border, sampling=voxel_mm) for border in borders]
    there, back = far[1][borders[0]], far[0][borders[1]]
    pooled = np.concatenate([there, back])
    worst95 = max(float(np.percentile(one, 95)) for one in (there, back))
    return float(pooled.mean()), float(pooled.max()), worst95


def _border(mask: Mask) -> Mask:
    """Voxels with a face to the outside; beyond the matrix is outside."""
    from scipy.ndimage import binary_erosion

    border: Mask = mask & ~binary_erosion(mask)
    return border


def _box(mask: Mask) -> tuple[slice, ...]:
    found = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        found.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(found)
