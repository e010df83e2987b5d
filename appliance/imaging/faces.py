"""Takes the face out of an image of a head: everything in front of and below the brain.

A plane is laid against the brain from below and in front, so that no voxel of the brain can lie
beyond it, and what does is emptied (after N. Schimke and J. Hale, Quickshear defacing, 2011). The
tilt is the one that takes away most of the head. Eyes, nose, mouth and chin go; ears and the back
of the head stay.

The brain is found as by `brain_mask` in MR; in CT by the same steps on soft tissue within the
skull. Where no brain is found nothing is done and it is said.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.geometry import Volume
from appliance.imaging.brain import brain_mask

__all__ = ["FaceRemoval", "remove_face"]

_TILTS_DEG = tuple(range(25, 71, 5))
_CT_AIR, _CT_HEAD, _CT_SOFT = -500.0, -300.0, (5.0, 90.0)
_LEAST_BRAIN_MM3, _MOST_BRAIN_MM3 = 200_000.0, 2_500_000.0


class FaceRemoval(msgspec.Struct, frozen=True):
    """An image without its face, and what was taken.

    Attributes
    ----------
    image : Volume
        Same type and grid; what is gone has the value of the air around.
    removed_ml : float
        Head that was taken away.
    tilt_deg : float
        Of the plane, from the vertical.
    """

    image: Volume
    removed_ml: float
    tilt_deg: float


def remove_face(volume: Volume, *, margin_mm: float = 5.0) -> FaceRemoval:
    """Empty what lies in front of and below the brain.

    Parameters
    ----------
    volume : Volume
        MR or CT of a head; of several frames the first tells where the brain is, all are emptied.
    margin_mm : float
        Distance that is kept between brain and plane.

    Raises
    ------
    Invalid
        If there is no brain, or what was found has not the size of one.
    """
    first = np.nan_to_num(volume.frame().astype(np.float32))
    is_ct = bool(first.min() < _CT_AIR)
    brain = _brain(Volume(first, volume.affine), is_ct=is_ct)
    head = first > (_CT_HEAD if is_ct else _mr_head(first))
    anterior, superior = _along(volume, 1), _along(volume, 2)
    best: tuple[float, float, NDArray[np.bool_]] | None = None
    for tilt in _TILTS_DEG:
        beyond = _beyond(brain, anterior, superior, math.radians(tilt), margin_mm)
        taken = float(np.count_nonzero(beyond & head))
        if best is None or taken > best[0]:
            best = (taken, float(tilt), beyond)
    taken, tilt_deg, beyond = best or (0.0, 0.0, np.zeros(first.shape, bool))
    data = volume.data.copy()
    data[beyond] = _air(volume.data, is_ct=is_ct)
    image = Volume(data, volume.affine, volume.header)
    return FaceRemoval(image, taken * volume.grid.voxel_mm3 / 1000, tilt_deg)


def _beyond(
    brain: NDArray[np.bool_],
    anterior: NDArray[np.float32],
    superior: NDArray[np.float32],
    tilt: float,
    margin_mm: float,
) -> NDArray[np.bool_]:
    """Tell which voxels lie beyond a plane that touches the brain from below and in front."""
    along = anterior * np.float32(math.cos(tilt)) - superior * np.float32(math.sin(tilt))
    beyond: NDArray[np.bool_] = along > along[brain].max() + margin_mm
    return beyond


def _along(volume: Volume, axis: int) -> NDArray[np.float32]:
    """Give a world coordinate of every voxel, in mm."""
    affine, shape = volume.affine, volume.data.shape[:3]
    found = np.full(shape, affine[axis, 3], np.float32)
    for k, n in enumerate(shape):
        step = (affine[axis, k] * np.arange(n)).astype(np.float32)
        found += step.reshape([-1 if one == k else 1 for one in range(3)])
    return found


def _brain(first: Volume, *, is_ct: bool) -> NDArray[np.bool_]:
    source = first
    if is_ct:
        low, high = _CT_SOFT
        soft = np.where((first.data > low) & (first.data < high), 100.0, 0.0)
        skin = np.where((first.data > _CT_HEAD) & (soft == 0), 15.0, soft)
        source = Volume(skin.astype(np.float32), first.affine)
    mask = brain_mask(source)
    size = float(mask.data.sum()) * mask.grid.voxel_mm3
    if not _LEAST_BRAIN_MM3 <= size <= _MOST_BRAIN_MM3:
        raise Invalid(
            f"what looks like a brain measures {size / 1000:.0f} mL",
            hint="The tool expects a whole head in MR or CT. Look at the image.",
        )
    return np.asarray(mask.data > 0)


def _mr_head(data: NDArray[np.float32]) -> float:
    low, high = np.percentile(data, (2, 98))
    return float(low + 0.1 * (high - low))


def _air(data: NDArray[Any], *, is_ct: bool) -> Any:
    return data.dtype.type(data.min() if is_ct else max(0, data.min()))
