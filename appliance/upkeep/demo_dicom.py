"""Write a volume as a vendor-like single-frame DICOM series, for the demo and for tests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

__all__ = ["MadePatient", "MadeSeries", "made_uid", "series_datasets", "write_series"]

MR_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class MadePatient:
    """A made-up person and visit; the name says that it is made up."""

    name: str = "DEMO^ANNA"
    patient_id: str = "DEMO-0001"
    birth_date: str = "19800229"
    sex: str = "F"
    study_date: str = "20240502"
    study_time: str = "093000"
    description: str = "Demo head"


@dataclass(frozen=True)
class MadeSeries:
    """What a scanner would write about one series."""

    number: int = 3
    description: str = "t1_mprage_sag_p2_iso"
    modality: str = "MR"
    slice_mm: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    patient: MadePatient = MadePatient()


def made_uid(*parts: object) -> str:
    """A UID that depends on `parts` only, so that a second run sends the same objects."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def series_datasets(
    data: NDArray[np.int16], affine: NDArray[np.float64], series: MadeSeries
) -> list[Dataset]:
    """Make one dataset for each slice along the third axis.

    Parameters
    ----------
    data : ndarray
        int16 (I, J, K); I runs along the image rows, J down the columns, K over the slices.
    affine : ndarray
        Voxel -> world, RAS+ mm.
    series : MadeSeries
        Identity and tags.
    """
    from pydicom.dataset import Dataset

    common = _common(data, affine, series)
    made = []
    for k in range(data.shape[2]):
        item = Dataset()
        item.update(common)
        item.SOPInstanceUID = made_uid(common.SeriesInstanceUID, "instance", k)
        item.file_meta = _meta(item)
        corner = LPS @ (affine @ [0, 0, k, 1])[:3]
        item.ImagePositionPatient = [f"{v:.6f}"[:16] for v in corner]
        item.SliceLocation = f"{float(np.dot(corner, _normal(affine))):.6f}"
        item.InstanceNumber = k + 1
        item.AcquisitionNumber = 1
        item.PixelData = np.ascontiguousarray(data[:, :, k].T).astype("<i2").tobytes()
        made.append(item)
    return made


def write_series(
    folder: Path, data: NDArray[np.int16], affine: NDArray[np.float64], series: MadeSeries
) -> list[Path]:
    """Write a series as numbered `.dcm` files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for item in series_datasets(data, affine, series):
        path = folder / f"MR{int(item.InstanceNumber):04d}.dcm"
        item.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _normal(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normal of the slices in DICOM's LPS frame."""
    i, j = (LPS @ (affine[:3, a] / np.linalg.norm(affine[:3, a])) for a in (0, 1))
    return np.cross(i, j)


def _meta(item: Dataset) -> Any:
    """File meta information of one instance."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = item.SOPClassUID
    meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def _common(data: NDArray[np.int16], affine: NDArray[np.float64], series: MadeSeries) -> Dataset:
    """Everything that all slices of a series share."""
    from pydicom.dataset import Dataset

    ds = Dataset()
    _patient_and_study(ds, series.patient)
    _equipment(ds)
    ds.SOPClassUID = CT_STORAGE if series.modality == "CT" else MR_STORAGE
    ds.Modality = series.modality
    ds.SeriesInstanceUID = made_uid(ds.StudyInstanceUID, series.number, series.description)
    ds.FrameOfReferenceUID = made_uid(ds.StudyInstanceUID, "frame")
    ds.SeriesNumber = series.number
    ds.SeriesDescription = ds.ProtocolName = series.description
    ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = series.patient.study_date
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = series.patient.study_time
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"]
    _geometry(ds, data, affine, series)
    for name, value in series.extra.items():
        setattr(ds, name, value)
    return ds


def _patient_and_study(ds: Dataset, patient: MadePatient) -> None:
    """Who and when; all of it made up."""
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = patient.name
    ds.PatientID = patient.patient_id
    ds.PatientBirthDate = patient.birth_date
    ds.PatientSex = patient.sex
    ds.PatientAge = "044Y"
    ds.PatientWeight = "70"
    ds.PatientPosition = "HFS"
    ds.StudyInstanceUID = made_uid("study", patient.patient_id, patient.study_date)
    ds.StudyID = "1"
    ds.StudyDate = patient.study_date
    ds.StudyTime = patient.study_time
    ds.StudyDescription = patient.description
    ds.AccessionNumber = "DEMO0001"
    ds.ReferringPhysicianName = "DEMO^DOCTOR"


def _equipment(ds: Dataset) -> None:
    """A scanner that could be."""
    ds.Manufacturer = "SIEMENS"
    ds.ManufacturerModelName = "Demo 3T"
    ds.InstitutionName = "Demo Hospital"
    ds.StationName = "DEMO1"
    ds.SoftwareVersions = "demo 1.0"
    ds.MagneticFieldStrength = "3"
    ds.ScanningSequence = "GR"
    ds.SequenceVariant = "SP"
    ds.MRAcquisitionType = "3D"
    ds.BodyPartExamined = "HEAD"


def _geometry(
    ds: Dataset, data: NDArray[np.int16], affine: NDArray[np.float64], series: MadeSeries
) -> None:
    """Pixel module and orientation."""
    column, row, slice_step = (float(np.linalg.norm(affine[:3, a])) for a in range(3))
    directions = [LPS @ affine[:3, a] / np.linalg.norm(affine[:3, a]) for a in (0, 1)]
    ds.ImageOrientationPatient = [f"{v:.9f}" for v in np.concatenate(directions)]
    ds.PixelSpacing = [f"{row:.6f}", f"{column:.6f}"]
    ds.SliceThickness = f"{series.slice_mm or slice_step:.6f}"
    ds.SpacingBetweenSlices = f"{slice_step:.6f}"
    ds.Rows, ds.Columns = int(data.shape[1]), int(data.shape[0])
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.WindowCenter, ds.WindowWidth = "450", "900"
