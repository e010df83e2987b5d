"""Saving ROIs as masks or as one label map, on exactly the grid of a reference."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.catalog import Catalog
from appliance.core import DataFolder, Invalid
from appliance.formats import Label, RoiReference, write_roi
from appliance.geometry import Volume
from appliance.viewing.packing import Packing, unpack_mask
from appliance.viewing.saving import Limits, Saved, Wanted, save
from appliance.viewing.segments import COLORS, Segment, segments_of

__all__ = ["DrawnRoi", "RoiDocument", "joined", "save_rois"]

_MAX_LABEL = 65535
_MOST_VOXELS = 1 << 31


@dataclass(frozen=True, kw_only=True)
class DrawnRoi:
    """One ROI as it was drawn.

    Attributes
    ----------
    data : bytes
        Packed, see `packing`.
    value : int
        Label in a label map; 0: the next free one.
    """

    name: str
    data: bytes
    color: str = ""
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class RoiDocument:
    """What goes into one file."""

    reference: RoiReference
    rois: Sequence[DrawnRoi]
    kind: Literal["mask", "labels"] = "mask"
    n_frames: int = 1
    packing: Packing = "bits"
    overlap: Literal["refuse", "last"] = "refuse"


def save_rois(
    catalog: Catalog, folder: DataFolder, limits: Limits, wanted: Wanted, document: RoiDocument
) -> tuple[Saved, list[Segment]]:
    """Save ROIs as a file of a study.

    Raises
    ------
    Invalid
        If data do not fit the reference, or ROIs of a label map overlap and must not.
    Changed, Conflict, DiskFull
        As `save` does.
    """
    if not wanted.path.endswith((".nii", ".nii.gz")):
        raise Invalid(f"not a NIfTI name: {wanted.path!r}", hint="Let it end in .nii or .nii.gz.")
    labels = _labels(document)
    data = joined(document, labels)
    in_header = labels if document.kind == "labels" else ()
    saved = save(
        catalog,
        folder,
        limits,
        wanted,
        lambda stream: write_roi(stream, wanted.path, data, document.reference, in_header),
    )
    return saved, segments_of(Volume(data, document.reference.grid.affine), labels)


def joined(document: RoiDocument, labels: Sequence[Label]) -> NDArray[Any]:
    """Put all ROIs into one array, (I, J, K) or (I, J, K, T)."""
    shape = document.reference.grid.shape
    whole = shape if document.n_frames == 1 else (*shape, document.n_frames)
    kind = np.uint8 if max(label.value for label in labels) < 256 else np.uint16
    data = np.zeros(whole, kind, order="F")
    for roi, label in zip(document.rois, labels, strict=True):
        mask = unpack_mask(roi.data, shape, document.n_frames, document.packing)
        if document.overlap == "refuse" and len(document.rois) > 1:
            _check_overlap(data, mask, label, labels)
        data[mask] = label.value
    return data


def _check_overlap(
    data: NDArray[Any], mask: NDArray[np.bool_], label: Label, labels: Sequence[Label]
) -> None:
    taken = data[mask]
    other = int(taken.max(initial=0))
    if other:
        name = next(one.name for one in labels if one.value == other)
        raise Invalid(
            f"{label.name!r} and {name!r} share {int((taken > 0).sum())} voxels, and a label map"
            " holds one label per voxel",
            hint="Let the later one win, or save them as separate masks.",
            n_voxels=int((taken > 0).sum()),
            rois=[name, label.name],
        )


def _labels(document: RoiDocument) -> list[Label]:
    """Give every ROI a number of its own, and a colour."""
    rois = document.rois
    if not rois or (document.kind == "mask" and len(rois) != 1):
        raise Invalid("a mask holds one ROI, a label map one or more")
    if not 0 < document.reference.grid.n_voxels * max(0, document.n_frames) <= _MOST_VOXELS:
        raise Invalid("a ROI has at least one frame and at most 2 147 483 648 voxels")
    if document.kind == "mask":
        return [Label(1, rois[0].name, _color(rois[0].color, 0))]
    given = [roi.value for roi in rois if roi.value]
    if len(set(given)) != len(given) or any(not 0 < value <= _MAX_LABEL for value in given):
        raise Invalid(f"labels are different numbers from 1 to {_MAX_LABEL}")
    free = (n for n in itertools.count(1) if n not in given)
    return [
        Label(roi.value or next(free), roi.name, _color(roi.color, at))
        for at, roi in enumerate(rois)
    ]


def _color(text: str, at: int) -> str:
    if not text:
        return COLORS[at % len(COLORS)]
    try:
        int(text.removeprefix("#"), 16)
    except ValueError:
        text = ""
    if len(text) != 7 or not text.startswith("#"):
        raise Invalid(f"not a colour: {text!r}", hint="Write it as #rrggbb.")
    return text.lower()
