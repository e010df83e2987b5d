"""What a mask or label map holds: its segments with names, colours, sizes and places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, NotFound
from appliance.formats import Label, read_labels, read_reference, read_volume, suffix_of
from appliance.geometry import Volume
from appliance.viewing.lengths import in_mm, length_unit
from appliance.viewing.packing import pack_bits

__all__ = [
    "COLORS",
    "RoiSet",
    "RoiValues",
    "Segment",
    "read_rois",
    "roi_bits",
    "roi_mask",
    "roi_name",
    "roi_set",
    "segments_of",
]

COLORS = (
    *("#ff0000", "#00ff00", "#0000ff", "#ff00ff", "#00ffff", "#ffff00"),
    *("#ff8000", "#ff0080", "#80ff80", "#8080ff", "#808080", "#b9aa9b"),
)
_MOST_SEGMENTS = 1000
_MAX_VALUE = 1 << 24


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One region.

    Attributes
    ----------
    value : int
        Its number in the file.
    n_voxels : int
        In all frames.
    volume_ml : float or None
        In the first frame; None where the size of a voxel is not known.
    center_mm : list of float or None
        World position of its middle; None when it is empty.
    box : list or None
        Lowest and highest voxel, both inside.
    """

    value: int
    name: str
    color: str
    n_voxels: int
    volume_ml: float | None
    center_mm: list[float] | None
    box: list[list[int]] | None


class RoiSet(msgspec.Struct, frozen=True, kw_only=True):
    """A mask or label map on its own grid."""

    kind: str
    shape: list[int]
    affine: list[list[float]]
    sform_code: int
    qform_code: int
    n_frames: int
    segments: list[Segment]


@dataclass(frozen=True, eq=False)
class RoiValues:
    """The numbers of a mask or label map, and what they mean; a mask is brought to 0 and 1."""

    volume: Volume
    labels: list[Label]
    kind: str


def read_rois(path: Path, name: str = "") -> RoiValues:
    """Read a mask or a label map; what holds no whole numbers is a mask of all above 0.

    Parameters
    ----------
    path : Path
        Any image the appliance reads.
    name : str
        What the only segment of a mask is called.

    Raises
    ------
    FormatError
        If it cannot be read, or has more segments than a label map can.
    """
    volume = read_volume(path)
    data = np.nan_to_num(volume.data) if volume.data.dtype.kind == "f" else volume.data
    table = {label.value: label for label in read_labels(path) if label.value > 0}
    values = _label_values(data, table)
    if table or len(values) > 1:
        labels = [table.get(v) or _unnamed(v, at) for at, v in enumerate(values)]
        return RoiValues(volume.like(data.astype(_kind_for(values), copy=False)), labels, "labels")
    mask = Label(1, name or roi_name(path.name), COLORS[0])
    return RoiValues(volume.like((data > 0).astype(np.uint8)), [mask], "mask")


def roi_set(path: Path, name: str) -> RoiSet:
    """Tell what a mask or a label map holds.

    Raises
    ------
    FormatError
        As `read_rois`.
    """
    found, reference = read_rois(path, name), read_reference(path)
    return RoiSet(
        kind=found.kind,
        shape=list(found.volume.grid.shape),
        affine=found.volume.affine.tolist(),
        sform_code=reference.sform_code,
        qform_code=reference.qform_code,
        n_frames=found.volume.n_volumes,
        segments=segments_of(found.volume, found.labels),
    )


def roi_bits(path: Path, value: int) -> bytes:
    """Give one segment as gzip of bits; 0 stands for all that is above 0.

    Raises
    ------
    NotFound
        If there is no such segment.
    """
    return pack_bits(roi_mask(path, value).data)


def roi_mask(path: Path, value: int) -> Volume:
    """Give one segment, or all that is above 0, as truth values."""
    found = read_rois(path)
    if value and value not in {label.value for label in found.labels}:
        raise NotFound(f"{path.name} has no label {value}")
    data = found.volume.data
    return found.volume.like(data == value if value else data > 0)


def segments_of(volume: Volume, labels: Sequence[Label]) -> list[Segment]:
    """Measure the segments of a label map of whole numbers."""
    from scipy.ndimage import find_objects

    data = volume.data.view(np.uint8) if volume.data.dtype == bool else volume.data
    merged = data if data.ndim == 3 else data.max(axis=3)
    highest = max((label.value for label in labels), default=0)
    counts = np.bincount(data[data > 0].astype(np.int64), minlength=highest + 1)
    boxes = find_objects(merged.astype(np.int32, copy=False), max_label=highest)
    return [_segment(volume, label, int(counts[label.value]), boxes) for label in labels]


def roi_name(path: str) -> str:
    """Name a ROI after its file."""
    name = path.rpartition("/")[2]
    return name[: len(name) - len(suffix_of(name))] or name


def _segment(volume: Volume, label: Label, n_voxels: int, boxes: Sequence[Any]) -> Segment:
    box = boxes[label.value - 1] if n_voxels else None
    first = volume.frame(0)
    in_first = n_voxels if volume.n_volumes == 1 else int((first == label.value).sum())
    center = None
    if box is not None:
        part = (volume.data if volume.n_volumes == 1 else volume.data.max(axis=3))[box]
        start = np.array([one.start for one in box])
        middle = np.argwhere(part == label.value)
        if len(middle):
            center = volume.grid.to_world(middle.mean(axis=0) + start).tolist()
    return Segment(
        value=label.value,
        name=label.name,
        color=label.color,
        n_voxels=n_voxels,
        volume_ml=in_mm(in_first * volume.grid.voxel_mm3 / 1000, length_unit(volume), 3),
        center_mm=center,
        box=None if box is None else [[s.start for s in box], [s.stop - 1 for s in box]],
    )


def _label_values(data: NDArray[Any], labels: dict[int, Label]) -> list[int]:
    """Find the labels in use; one for a mask, and for an image that holds no whole numbers."""
    top = data.max(initial=0)
    if not np.isfinite(top) or top > _MAX_VALUE or (data.dtype.kind == "f" and not _whole(data)):
        return [1]
    found = np.flatnonzero(np.bincount(data[data > 0].astype(np.int64))).tolist()
    values = sorted({*found, *(v for v in labels if v > 0)})
    if len(values) > _MOST_SEGMENTS:
        raise FormatError(
            f"it has {len(values)} different values and looks like an image, not a label map",
            hint="Make a mask of it by a threshold.",
        )
    return values


def _kind_for(values: Sequence[int]) -> type[np.integer[Any]]:
    return np.uint8 if max(values, default=0) < 256 else np.int32


def _whole(data: NDArray[Any]) -> bool:
    return bool((data == np.round(data)).all())


def _unnamed(value: int, at: int) -> Label:
    return Label(value, f"label {value}", COLORS[at % len(COLORS)])
