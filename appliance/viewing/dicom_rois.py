"""ROIs as DICOM documents: exported with references to the image's objects, and read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance import __version__
from appliance.catalog import Catalog
from appliance.core import Conflict, DataFolder, FormatError, Invalid, safe_name
from appliance.formats import (
    Label,
    RegionsRead,
    RoiForm,
    RoiReference,
    frame_of_reference,
    read_reference,
    read_structures,
    roi_references,
    segmentation_regions,
    write_roi,
    write_segmentation,
    write_structures,
)
from appliance.viewing.saving import Limits, Saved, Wanted, save
from appliance.viewing.segments import read_rois

__all__ = ["DicomImage", "ImportedRois", "export_dicom_rois", "import_dicom_rois"]

_WRITERS: dict[RoiForm, Callable[..., None]] = {
    "seg": write_segmentation,
    "rtstruct": write_structures,
}


@dataclass(frozen=True)
class DicomImage:
    """An image, and the DICOM objects it was converted from, as far as they are kept."""

    path: Path
    objects: Sequence[Path] = ()


@dataclass(frozen=True)
class ImportedRois:
    """Files that a document became: one label map, or a mask for each region."""

    files: list[Saved]
    notes: list[str] = field(default_factory=list)


def export_dicom_rois(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    wanted: Wanted,
    *,
    form: RoiForm,
    roi: Path,
    objects: Sequence[Path],
    code: str,
) -> Saved:
    """Save a mask or label map as a DICOM segmentation or structure set of its study.

    Parameters
    ----------
    objects : sequence of Path
        DICOM objects that the image was converted from.
    code : str
        The subject's code, which stands for its name and ID in the object.

    Raises
    ------
    Conflict
        If the image's objects are not kept.
    Invalid
        If the name is none of a DICOM file, or the ROI lies elsewhere.
    """
    if not wanted.path.endswith(".dcm"):
        raise Invalid(f"not a DICOM name: {wanted.path!r}", hint="Let it end in .dcm.")
    if not objects:
        raise Conflict("the image did not arrive as DICOM, or its objects are not kept")
    found = read_rois(roi)
    if found.volume.n_volumes > 1:
        raise Invalid("a DICOM document of ROIs has no time points", hint="Export one of them.")
    tags = {"PatientID": code, "PatientName": code, "SoftwareVersions": __version__}
    return save(
        catalog,
        folder,
        limits,
        wanted,
        lambda stream: _WRITERS[form](stream, objects, found.volume, found.labels, tags),
    )


def import_dicom_rois(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    wanted: Wanted,
    *,
    source: Path,
    image: DicomImage | None,
) -> ImportedRois:
    """Save a DICOM document of ROIs as a label map, or as masks where its regions overlap.

    Parameters
    ----------
    wanted : Wanted
        Its path is that of the label map; masks go into a folder of its name.
    image : DicomImage, optional
        Whose grid the ROIs get; a segmentation has one of its own, a structure set has not.

    Raises
    ------
    FormatError
        If the document is none, or is damaged.
    Invalid
        If the image is missing or lies in another frame of reference.
    """
    if not wanted.path.endswith((".nii", ".nii.gz")):
        raise Invalid(f"not a NIfTI name: {wanted.path!r}", hint="Let it end in .nii.gz.")
    place = None if image is None else read_reference(image.path)
    found = _regions(source, image, place)
    place = place or RoiReference(found.grid)
    volume, n_overlaps = found.label_map()
    keep = _Keeper(catalog, folder, limits, wanted, place)
    if not n_overlaps:
        return ImportedRois([keep(wanted.path, volume.data, found.labels)], found.notes)
    notes = [f"{n_overlaps} voxels belong to several regions, so each is a mask of its own"]
    stem = wanted.path.removesuffix(".gz").removesuffix(".nii")
    files = [
        keep(f"{stem}/{label.value:02d}_{_plain(label.name)}.nii.gz", mask.data)
        for label, mask in found.masks()
    ]
    return ImportedRois(files, [*notes, *found.notes])


def _regions(source: Path, image: DicomImage | None, place: RoiReference | None) -> RegionsRead:
    told = roi_references(source)
    if told is None:
        raise FormatError(f"{source.name} is no DICOM segmentation and no structure set")
    if place is None and told.form == "rtstruct":
        raise Invalid(
            "a structure set holds contours only, and the image they were drawn on is not known",
            hint="Name the image.",
        )
    frame = frame_of_reference(image.objects[0]) if image is not None and image.objects else ""
    if frame and told.frame_uid and frame != told.frame_uid:
        raise Invalid(
            "the ROIs lie in another frame of reference than the image",
            hint="Name the image they were drawn on, or one of the same examination.",
        )
    if told.form == "seg":
        return segmentation_regions(source, None if place is None else place.grid)
    assert place is not None  # noqa: S101 - a structure set without one was refused
    return read_structures(source, place.grid)


@dataclass(frozen=True)
class _Keeper:
    """Saves arrays as ROIs, all of them with one geometry."""

    catalog: Catalog
    folder: DataFolder
    limits: Limits
    wanted: Wanted
    place: RoiReference

    def __call__(self, path: str, data: NDArray[np.generic], labels: Sequence[Label] = ()) -> Saved:
        wanted = replace(self.wanted, path=path)
        if path != self.wanted.path:
            wanted = replace(wanted, version=None, if_changed="new_name")

        def write(stream: BinaryIO) -> Any:
            write_roi(stream, path, data, self.place, labels)

        return save(self.catalog, self.folder, self.limits, wanted, write)


def _plain(name: str) -> str:
    return safe_name(name).strip(".") or "region"
