"""ROIs as DICOM segmentations: exported with references to the image's objects, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from appliance import __version__
from appliance.catalog import Catalog
from appliance.core import Conflict, DataFolder, Invalid
from appliance.formats import (
    RoiReference,
    read_reference,
    read_segmentation,
    write_roi,
    write_segmentation,
)
from appliance.viewing.saving import Limits, Saved, Wanted, save
from appliance.viewing.segments import read_rois

__all__ = ["export_segmentation", "import_segmentation"]


def export_segmentation(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    wanted: Wanted,
    *,
    roi: Path,
    objects: Sequence[Path],
    code: str,
) -> Saved:
    """Save a mask or label map as a DICOM segmentation of its study.

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
        raise Invalid("a segmentation has no time points", hint="Export one of them.")
    tags = {"PatientID": code, "PatientName": code, "SoftwareVersions": __version__}
    return save(
        catalog,
        folder,
        limits,
        wanted,
        lambda stream: write_segmentation(stream, objects, found.volume, found.labels, tags),
    )


def import_segmentation(
    catalog: Catalog,
    folder: DataFolder,
    limits: Limits,
    wanted: Wanted,
    *,
    source: Path,
    reference: Path | None,
) -> tuple[Saved, list[str]]:
    """Save a DICOM segmentation as a label map, on the grid of an image where one is named.

    Returns
    -------
    tuple
        What was saved, and notes about what a label map cannot hold.
    """
    if not wanted.path.endswith((".nii", ".nii.gz")):
        raise Invalid(f"not a NIfTI name: {wanted.path!r}", hint="Let it end in .nii.gz.")
    grid = None if reference is None else read_reference(reference)
    found = read_segmentation(source, None if grid is None else grid.grid)
    place = grid or RoiReference(found.volume.grid)
    notes = []
    if found.n_overlaps:
        notes.append(f"{found.n_overlaps} voxels belong to several segments; the last one has them")
    if not found.is_exact:
        notes.append("the segmentation lies on another grid; the nearest voxels were taken")
    data = found.volume.data
    done = save(
        catalog,
        folder,
        limits,
        wanted,
        lambda stream: write_roi(stream, wanted.path, data, place, found.labels),
    )
    return done, notes
