"""DICOM Segmentation objects: read as a label map, written with references to the image's objects.

Reading is our own and needs pydicom only; writing is highdicom's, which knows all modules of the
object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid
from appliance.formats.dicom_frames import DicomFrame, scan_frames
from appliance.formats.dicom_open import open_dicom
from appliance.formats.dicom_planes import (
    ON_PLANE,
    frame_world,
    image_planes,
    plane_voxels,
    without_person,
)
from appliance.formats.dicom_regions import SEG_CLASSES, Region, RegionsRead, roi_form
from appliance.formats.roi_files import Label
from appliance.geometry import Grid, Volume

__all__ = [
    "SegmentationRead",
    "is_segmentation",
    "read_segmentation",
    "segmentation_regions",
    "write_segmentation",
]

_LABELMAP_CLASS = SEG_CLASSES[1]
_OTHER_GRID = "the segmentation lies on another grid; the nearest voxels were taken"
_GRAY = "#ff0000"


@dataclass(frozen=True, eq=False)
class SegmentationRead:
    """A label map out of a segmentation.

    Attributes
    ----------
    volume : Volume
        uint8 or uint16, on the reference's grid where there is one.
    n_overlaps : int
        Voxels that several segments claim; the later one has them.
    is_exact : bool
        Whether every pixel fell on the middle of a voxel.
    """

    volume: Volume
    labels: list[Label]
    n_overlaps: int
    is_exact: bool


def is_segmentation(path: Path) -> bool:
    """Tell whether a file is a DICOM segmentation."""
    return roi_form(path) == "seg"


def read_segmentation(path: Path, reference: Grid | None = None) -> SegmentationRead:
    """Read a segmentation as a label map.

    Parameters
    ----------
    reference : Grid, optional
        Grid of the image it belongs to; by default one is made of its planes.

    Raises
    ------
    FormatError
        If it is none, is damaged, or its planes make no grid.
    """
    found = segmentation_regions(path, reference)
    volume, n_overlaps = found.label_map()
    return SegmentationRead(volume, found.labels, n_overlaps, found.is_exact)


def segmentation_regions(path: Path, reference: Grid | None = None) -> RegionsRead:
    """Read a segmentation as regions, which may overlap; parameters as `read_segmentation`.

    Raises
    ------
    FormatError
        As `read_segmentation`.
    """
    if not is_segmentation(path):
        raise FormatError(f"{path.name} is no DICOM segmentation")
    try:
        ds = open_dicom(path)
        frames, numbers, masks = scan_frames([path]), _numbers(ds), _masks(ds)
        labels = [_label(item) for item in ds.SegmentSequence]
    except (AttributeError, KeyError, ValueError, IndexError, RuntimeError) as error:
        raise FormatError(f"{path.name} is a damaged segmentation") from error
    if any(frame.position is None or frame.rows_along is None for frame in frames):
        raise FormatError(f"{path.name} does not tell where its planes lie")
    if not len(frames) == len(numbers) == len(masks):
        raise FormatError(f"{path.name} is a damaged segmentation")
    grid = reference or _grid(frames)
    found = [_region(label, grid, frames, numbers, masks) for label in labels]
    exact = all(is_exact for _, is_exact in found)
    notes = [] if exact else [_OTHER_GRID]
    return RegionsRead(grid, [region for region, _ in found], exact, notes)


def write_segmentation(
    stream: BinaryIO,
    objects: Sequence[Path],
    segmentation: Volume,
    labels: Sequence[Label],
    tags: Mapping[str, Any],
) -> None:
    """Write a label map as a segmentation of the DICOM objects of its image.

    Parameters
    ----------
    objects : sequence of Path
        Single-frame objects of one series.
    segmentation : Volume
        Label map (I, J, K) on the image's grid.
    tags : mapping
        Values by keyword that go into the object, such as ``PatientID``. Names, dates and numbers
        of the person in the image's objects are not taken over.

    Raises
    ------
    Invalid
        If the map does not lie on the planes of the objects.
    """
    import highdicom as hd

    frames = image_planes(objects)
    if len({frame.path for frame in frames}) != len(frames):
        raise Invalid("a segmentation is written for series of single-frame objects")
    planes = plane_voxels(frames, segmentation)
    sources = [without_person(open_dicom(frame.path, stop_before_pixels=True)) for frame in frames]
    stack = np.stack(planes)
    masks = np.stack([stack == label.value for label in labels], axis=-1).astype(np.uint8)
    ds = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=masks,
        segmentation_type="BINARY",
        segment_descriptions=[_description(n, label) for n, label in enumerate(labels, 1)],
        series_instance_uid=hd.UID(),
        series_number=int(tags.get("SeriesNumber", 900)),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="nora-appliance",
        manufacturer_model_name="ROI tool",
        software_versions=str(tags.get("SoftwareVersions", "0")),
        device_serial_number="0",
        content_label="SEGMENTATION",
    )
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    ds.save_as(stream, enforce_file_format=True)


def _region(
    label: Label,
    grid: Grid,
    frames: Sequence[DicomFrame],
    numbers: Sequence[int | None],
    masks: NDArray[Any],
) -> tuple[Region, bool]:
    whole, exact = np.zeros(grid.shape, bool), True
    for frame, number, mask in zip(frames, numbers, masks, strict=True):
        if number not in (None, label.value):
            continue
        index, inside, fits = _voxels(frame, mask == label.value if number is None else mask, grid)
        exact &= fits
        whole[tuple(index[inside].T)] = True
    return Region.of(label, whole), exact


def _numbers(ds: Any) -> list[int | None]:
    """Give the segment of each frame; None where the pixels themselves are labels."""
    if ds.SOPClassUID == _LABELMAP_CLASS:
        return [None] * int(ds.NumberOfFrames)
    shared = (ds.get("SharedFunctionalGroupsSequence") or [{}])[0]
    found: list[int | None] = []
    for group in ds.PerFrameFunctionalGroupsSequence:
        items = group.get("SegmentIdentificationSequence") or shared.get(
            "SegmentIdentificationSequence"
        )
        found.append(int(items[0].ReferencedSegmentNumber))
    return found


def _masks(ds: Any) -> NDArray[Any]:
    pixels: NDArray[Any] = ds.pixel_array
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if ds.get("SegmentationType") == "FRACTIONAL":
        return (pixels > int(ds.get("MaximumFractionalValue", 255)) / 2).astype(np.uint8)
    return pixels


def _label(item: Any) -> Label:
    color = item.get("RecommendedDisplayCIELabValue")
    return Label(int(item.SegmentNumber), str(item.SegmentLabel), _rgb(color) if color else _GRAY)


def _rgb(lab: Sequence[int]) -> str:
    from highdicom.color import CIELabColor

    try:
        return "#{:02x}{:02x}{:02x}".format(*CIELabColor.from_dicom_value(lab).to_rgb())
    except (ValueError, TypeError, AttributeError):
        return _GRAY


def _voxels(
    frame: DicomFrame, mask: NDArray[Any], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.bool_], bool]:
    """Find the voxels that the pixels of a mask fall into, and whether all fall on middles."""
    place = grid.to_voxel(frame_world(frame, *np.nonzero(mask)))
    index = np.floor(place + 0.5).astype(np.int64)
    inside = grid.contains(index)
    return index, inside, bool(inside.all() and (np.abs(place - index) <= ON_PLANE).all())


def _grid(frames: Sequence[DicomFrame]) -> Grid:
    """Make the grid that the planes of a segmentation lie on; gaps are filled."""
    first = frames[0]
    assert first.rows_along is not None  # noqa: S101
    assert first.columns_along is not None  # noqa: S101
    normal = np.cross(first.rows_along, first.columns_along)
    heights = np.array([float(np.dot(frame.position, normal)) for frame in frames])  # type: ignore[arg-type]
    unique = np.unique(np.round(heights, 4))
    step = float(np.diff(unique).min()) if len(unique) > 1 else 1.0
    counts = (unique - unique[0]) / step
    if np.abs(counts - np.round(counts)).max() > ON_PLANE:
        raise FormatError("the planes of the segmentation have unequal gaps")
    lowest = frames[int(np.argmin(heights))].position
    affine = np.eye(4)
    affine[:3, 0] = first.rows_along * first.spacing[1]
    affine[:3, 1] = first.columns_along * first.spacing[0]
    affine[:3, 2], affine[:3, 3] = normal * step, lowest
    shape = (first.n_columns, first.n_rows, round(float(counts[-1])) + 1)
    return Grid(shape, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def _description(number: int, label: Label) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    red, green, blue = (int(label.color[at : at + 2], 16) for at in (1, 3, 5))
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label.name[:64] or f"segment {number}",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="MANUAL",
        display_color=hd.color.CIELabColor.from_rgb(red, green, blue),
    )
