"""ROIs as DICOM RT structure sets: contours along the edges of voxels on the image's own planes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.formats.dicom_frames import DicomFrame
from appliance.formats.dicom_open import open_dicom
from appliance.formats.dicom_planes import frame_world, image_planes, plane_voxels, without_person
from appliance.formats.dicom_regions import RTSTRUCT_CLASS
from appliance.formats.roi_files import Label
from appliance.formats.rtstruct_planes import trace_mask
from appliance.geometry import Volume

__all__ = ["write_structures"]

_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"  # retired, and still what the standard asks for here
_TAKEN = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
    *("ReferringPhysicianName", "PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
)


def write_structures(
    stream: BinaryIO,
    objects: Sequence[Path],
    regions: Volume,
    labels: Sequence[Label],
    tags: Mapping[str, Any],
) -> None:
    """Write a label map as a structure set of the DICOM objects of its image.

    Parameters
    ----------
    objects : sequence of Path
        Of one series and one frame of reference.
    regions : Volume
        Label map (I, J, K) on the image's grid.
    tags : mapping
        Values by keyword that go into the object, such as ``PatientID``. What tells of the person
        in the image's objects is not taken over.

    Raises
    ------
    Invalid
        If the map does not lie on the planes of the objects, or these tell no frame of reference.

    Notes
    -----
    A voxel's square belongs to the region as a whole, so that areas and volumes are those of the
    voxels, and a reader that tests the middles of voxels finds exactly the same ones.
    """
    frames = image_planes(objects)
    planes = plane_voxels(frames, regions)
    headers = {frame.path: None for frame in frames}
    sources = [open_dicom(path, stop_before_pixels=True) for path in headers]
    frame_uid = _frame_uid(sources)
    images = {str(one.SOPInstanceUID): one for one in sources}
    ds = _document(without_person(sources[0]))
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame_uid, ""
    ds.ReferencedFrameOfReferenceSequence = [_referenced(sources, frame_uid)]
    ds.StructureSetROISequence = [_named(label, frame_uid) for label in labels]
    ds.ROIContourSequence = [_drawn(label, frames, planes, images) for label in labels]
    ds.RTROIObservationsSequence = [_observed(n, label) for n, label in enumerate(labels, 1)]
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    ds.save_as(stream, enforce_file_format=True)


def _document(source: Any) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    now = datetime.now(UTC)
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = RTSTRUCT_CLASS, generate_uid(None)
    for keyword in _TAKEN:
        setattr(ds, keyword, source.get(keyword, ""))
    ds.Modality, ds.SeriesInstanceUID = "RTSTRUCT", generate_uid(None)
    ds.SeriesNumber, ds.InstanceNumber, ds.OperatorsName = 901, 1, ""
    ds.Manufacturer, ds.ManufacturerModelName = "nora-appliance", "ROI tool"
    ds.StructureSetLabel = "ROIS"
    ds.StructureSetDate, ds.StructureSetTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    ds.InstanceCreationDate, ds.InstanceCreationTime = ds.StructureSetDate, ds.StructureSetTime
    ds.ApprovalStatus = "UNAPPROVED"
    ds.file_meta = _meta(ds)
    return ds


def _meta(ds: Any) -> Any:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ImplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian  # an explicit one holds 64 KB of a contour
    return meta


def _frame_uid(sources: Sequence[Any]) -> str:
    found = {str(one.get("FrameOfReferenceUID") or "") for one in sources}
    if len(found) != 1 or "" in found:
        raise Invalid("the image's DICOM objects do not share one frame of reference")
    return found.pop()


def _referenced(sources: Sequence[Any], frame_uid: str) -> Any:
    series = _item(
        SeriesInstanceUID=sources[0].SeriesInstanceUID,
        ContourImageSequence=[_image(one.SOPClassUID, one.SOPInstanceUID) for one in sources],
    )
    study = _item(
        ReferencedSOPClassUID=_STUDY_CLASS,
        ReferencedSOPInstanceUID=sources[0].StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    return _item(FrameOfReferenceUID=frame_uid, RTReferencedStudySequence=[study])


def _named(label: Label, frame_uid: str) -> Any:
    return _item(
        ROINumber=label.value,
        ReferencedFrameOfReferenceUID=frame_uid,
        ROIName=label.name[:64],
        ROIGenerationAlgorithm="",
    )


def _observed(number: int, label: Label) -> Any:
    return _item(
        ObservationNumber=number,
        ReferencedROINumber=label.value,
        RTROIInterpretedType="",
        ROIInterpreter="",
    )


def _drawn(
    label: Label,
    frames: Sequence[DicomFrame],
    planes: Sequence[NDArray[Any]],
    images: Mapping[str, Any],
) -> Any:
    contours = list(_contours(label.value, frames, planes, images))
    for number, contour in enumerate(contours, 1):
        contour.ContourNumber = number
    color = [int(label.color[at : at + 2], 16) for at in (1, 3, 5)]
    drawn = _item(ROIDisplayColor=color, ReferencedROINumber=label.value)
    if contours:
        drawn.ContourSequence = contours
    return drawn


def _contours(
    value: int,
    frames: Sequence[DicomFrame],
    planes: Sequence[NDArray[Any]],
    images: Mapping[str, Any],
) -> Iterator[Any]:
    for frame, plane in zip(frames, planes, strict=True):
        for outline in trace_mask(plane == value):
            world = frame_world(frame, outline[:, 0], outline[:, 1]) * [-1, -1, 1]
            source = images[frame.sop_uid]
            image = _image(source.SOPClassUID, frame.sop_uid)
            if "NumberOfFrames" in source:
                image.ReferencedFrameNumber = frame.frame + 1
            yield _item(
                ContourImageSequence=[image],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(outline),
                ContourData=[_decimal(x) for x in world.ravel()],
            )


def _decimal(x: float) -> str:
    """Write a tenth of a micrometre as the 16 characters of a DICOM number allow."""
    text = np.format_float_positional(round(float(x), 4) + 0.0, trim="-")
    return text[:16]


def _image(sop_class: str, sop_uid: str) -> Any:
    return _item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop_uid)


def _item(**values: Any) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
