"""Regions out of DICOM documents, which may overlap, and what such a document refers to.

What SEG and RTSTRUCT have in common; how each is read stands in its own module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.formats.dicom_open import open_dicom
from appliance.formats.roi_files import Label
from appliance.geometry import Grid, Volume

__all__ = [
    "RTSTRUCT_CLASS",
    "SEG_CLASSES",
    "Region",
    "RegionsRead",
    "RoiForm",
    "RoiReferences",
    "frame_of_reference",
    "roi_form",
    "roi_references",
]

RoiForm = Literal["seg", "rtstruct"]
SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_FORMS: dict[str, RoiForm] = {**dict.fromkeys(SEG_CLASSES, "seg"), RTSTRUCT_CLASS: "rtstruct"}
_MOST_OBJECTS = 5000


@dataclass(frozen=True, eq=False)
class Region:
    """One region, as the box that holds it.

    Attributes
    ----------
    start : tuple of int
        First voxel of the box in the grid.
    mask : ndarray
        (i, j, k) bool; empty for an empty region.
    """

    label: Label
    start: tuple[int, int, int]
    mask: NDArray[np.bool_]

    @classmethod
    def of(cls, label: Label, whole: NDArray[np.bool_]) -> Region:
        """Cut a region out of a mask of the whole grid."""
        if not whole.any():
            return cls(label, (0, 0, 0), np.zeros((0, 0, 0), bool))
        box = []
        for axis in range(3):
            used = np.flatnonzero(whole.any(axis=tuple(a for a in range(3) if a != axis)))
            box.append(slice(int(used[0]), int(used[-1]) + 1))
        i, j, k = (part.start for part in box)
        return cls(label, (i, j, k), whole[tuple(box)].copy())

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Where its mask lies in the grid."""
        i, j, k = (slice(at, at + n) for at, n in zip(self.start, self.mask.shape, strict=True))
        return i, j, k


@dataclass(frozen=True, eq=False)
class RegionsRead:
    """The regions of one document on one grid.

    Attributes
    ----------
    is_exact : bool
        Whether its planes fell on the planes of the grid.
    notes : list of str
        What a person should know about what could not be taken over as it was.
    """

    grid: Grid
    regions: list[Region]
    is_exact: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[Label]:
        """Names, numbers and colours, in order."""
        return [region.label for region in self.regions]

    def label_map(self) -> tuple[Volume, int]:
        """Put all regions into one map; the later one has a voxel that several claim.

        Returns
        -------
        tuple
            uint8 or uint16 map, and how many voxels several claim.
        """
        top = max((label.value for label in self.labels), default=0)
        data = np.zeros(self.grid.shape, np.uint8 if top < 256 else np.uint16)
        n_overlaps = 0
        for region in self.regions:
            part = data[region.box]
            n_overlaps += int((part[region.mask] > 0).sum())
            part[region.mask] = region.label.value
        return Volume(data, self.grid.affine), n_overlaps

    def masks(self) -> Iterator[tuple[Label, Volume]]:
        """Give every region as a mask of its own."""
        for region in self.regions:
            data = np.zeros(self.grid.shape, np.uint8)
            data[region.box] = region.mask
            yield region.label, Volume(data, self.grid.affine)


@dataclass(frozen=True)
class RoiReferences:
    """What a document says it was drawn on."""

    form: RoiForm
    series_uids: tuple[str, ...] = ()
    sop_uids: tuple[str, ...] = ()
    frame_uid: str = ""
    label: str = ""


def roi_form(path: Path) -> RoiForm | None:
    """Tell whether a file is a DICOM document of regions, and which; None for all others."""
    ds = _header(path, ["SOPClassUID"])
    return None if ds is None else _FORMS.get(str(ds.get("SOPClassUID", "")))


def roi_references(path: Path) -> RoiReferences | None:
    """Tell which series, objects and frame of reference a document refers to."""
    ds = _header(path, None)
    form = None if ds is None else _FORMS.get(str(ds.get("SOPClassUID", "")))
    if ds is None or form is None:
        return None
    series, sops, frame = _seg_references(ds) if form == "seg" else _structure_references(ds)
    label = ds.get("ContentLabel") if form == "seg" else ds.get("StructureSetLabel")
    return RoiReferences(form, tuple(dict.fromkeys(series)), sops, frame, str(label or ""))


def frame_of_reference(path: Path) -> str:
    """Give the frame of reference of an image's object; empty when it tells none."""
    ds = _header(path, ["FrameOfReferenceUID"])
    return "" if ds is None else str(ds.get("FrameOfReferenceUID") or "")


def _header(path: Path, tags: list[str] | None) -> Any:
    from pydicom.errors import InvalidDicomError

    try:
        return open_dicom(path, stop_before_pixels=True, specific_tags=tags)
    except (OSError, InvalidDicomError, ValueError):
        return None


def _seg_references(ds: Any) -> tuple[list[str], tuple[str, ...], str]:
    series, sops = [], []
    for item in ds.get("ReferencedSeriesSequence") or ():
        series.append(str(item.get("SeriesInstanceUID", "")))
        sops += _sops(item.get("ReferencedInstanceSequence"))
    return series, tuple(sops[:_MOST_OBJECTS]), str(ds.get("FrameOfReferenceUID") or "")


def _structure_references(ds: Any) -> tuple[list[str], tuple[str, ...], str]:
    series, sops, frames = [], [], []
    for frame in ds.get("ReferencedFrameOfReferenceSequence") or ():
        frames.append(str(frame.get("FrameOfReferenceUID") or ""))
        for study in frame.get("RTReferencedStudySequence") or ():
            for one in study.get("RTReferencedSeriesSequence") or ():
                series.append(str(one.get("SeriesInstanceUID", "")))
                sops += _sops(one.get("ContourImageSequence"))
    for roi in ds.get("ROIContourSequence") or ():
        for contour in roi.get("ContourSequence") or ():
            if len(sops) < _MOST_OBJECTS:
                sops += _sops(contour.get("ContourImageSequence"))
    own = [str(roi.get("ReferencedFrameOfReferenceUID") or "") for roi in _rois(ds)]
    found = [uid for uid in dict.fromkeys([*own, *frames]) if uid]
    return series, tuple(dict.fromkeys(sops)), found[0] if found else ""


def _rois(ds: Any) -> Sequence[Any]:
    return ds.get("StructureSetROISequence") or ()


def _sops(items: Any) -> list[str]:
    return [str(item.get("ReferencedSOPInstanceUID", "")) for item in items or ()]
