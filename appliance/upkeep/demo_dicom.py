"""A made-up patient and scanner, whose volumes become DICOM series for the demo and for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.formats import dicom_series, dicom_uid, write_dicom_series
from appliance.geometry import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MadePatient", "MadeSeries", "series_datasets", "write_series"]


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


def series_datasets(
    data: NDArray[np.int16], affine: NDArray[np.float64], series: MadeSeries
) -> list[Any]:
    """Make one DICOM object for each slice along the third axis.

    Parameters
    ----------
    data : ndarray
        int16 (I, J, K); I runs along the image rows, J down the columns, K over the slices.
    affine : ndarray
        Voxel -> world, RAS+ mm.
    series : MadeSeries
        Identity and tags.
    """
    return dicom_series(Volume(data, affine), _tags(series))


def write_series(
    folder: Path, data: NDArray[np.int16], affine: NDArray[np.float64], series: MadeSeries
) -> list[Path]:
    """Write a series as numbered `.dcm` files and return their paths."""
    return write_dicom_series(folder, Volume(data, affine), _tags(series))


def _tags(series: MadeSeries) -> dict[str, Any]:
    """Everything that the made-up scanner says."""
    made = _patient_and_study(series.patient) | _equipment() | _series(series)
    if series.slice_mm is not None:
        made["SliceThickness"] = f"{series.slice_mm:.6f}"
    return made | series.extra


def _patient_and_study(patient: MadePatient) -> dict[str, Any]:
    """Who and when; all of it made up."""
    return {
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientName": patient.name,
        "PatientID": patient.patient_id,
        "PatientBirthDate": patient.birth_date,
        "PatientSex": patient.sex,
        "PatientAge": "044Y",
        "PatientWeight": "70",
        "PatientPosition": "HFS",
        "StudyInstanceUID": dicom_uid("study", patient.patient_id, patient.study_date),
        "StudyID": "1",
        "StudyDate": patient.study_date,
        "StudyTime": patient.study_time,
        "StudyDescription": patient.description,
        "AccessionNumber": "DEMO0001",
        "ReferringPhysicianName": "DEMO^DOCTOR",
    }


def _equipment() -> dict[str, Any]:
    """A scanner that could be."""
    return {
        "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "Demo 3T",
        "InstitutionName": "Demo Hospital",
        "StationName": "DEMO1",
        "SoftwareVersions": "demo 1.0",
        "MagneticFieldStrength": "3",
        "ScanningSequence": "GR",
        "SequenceVariant": "SP",
        "MRAcquisitionType": "3D",
        "BodyPartExamined": "HEAD",
    }


def _series(series: MadeSeries) -> dict[str, Any]:
    """What is said of the series itself."""
    date, time = series.patient.study_date, series.patient.study_time
    return {
        "Modality": series.modality,
        "SeriesNumber": series.number,
        "SeriesDescription": series.description,
        "ProtocolName": series.description,
        **dict.fromkeys(("SeriesDate", "AcquisitionDate", "ContentDate"), date),
        **dict.fromkeys(("SeriesTime", "AcquisitionTime", "ContentTime"), time),
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
        "WindowCenter": "450",
        "WindowWidth": "900",
    }
