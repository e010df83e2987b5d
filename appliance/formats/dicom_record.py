"""What a header scan tells about one DICOM file; plain values, no reading."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["DicomRecord", "ScanProblem", "ScanReason"]

ScanReason = Literal[
    "not_dicom",  # some other file
    "dicomdir",  # an index of a medium, not an object
    "truncated",  # the end of the file is missing
    "unreadable",  # damaged, or the file system refused
    "incomplete",  # an identifier that every object needs is missing
    "no_pixels",  # an image by its header, but without pixel data
]

_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


class DicomRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Header facts of one DICOM object.

    Text is stripped and decoded by the object's own character set; missing text is ``""``, missing
    numbers are None. It names a patient: keep it out of logs, paths and answers.

    Notes
    -----
    `ipp` and `iop` are in DICOM's LPS millimetres, as stored. `pixel_spacing_mm` is (between rows,
    between columns). Multi-frame objects keep both in functional groups, so they are None there.
    """

    path: Path
    size_bytes: int
    sop_uid: str
    sop_class: str
    study_uid: str
    series_uid: str
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    age: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    series_number: int | None = None
    series_description: str = ""
    protocol: str = ""
    modality: str = ""
    instance_number: int | None = None
    acquisition_number: int | None = None
    images_in_acquisition: int | None = None
    image_type: tuple[str, ...] = ()
    rows: int | None = None
    cols: int | None = None
    frames: int = 1
    bits: int | None = None
    transfer_syntax: str = ""
    ipp: tuple[float, ...] | None = None
    iop: tuple[float, ...] | None = None
    pixel_spacing_mm: tuple[float, ...] | None = None
    burned_in: bool | None = None
    has_pixels: bool = False

    @property
    def age_years(self) -> float | None:
        """Age of the patient at the study, from text such as ``045Y`` or ``018M``."""
        digits, unit = self.age[:-1], self.age[-1:].upper()
        if not digits.isdecimal() or unit not in _YEARS:
            return None
        return int(digits) * _YEARS[unit]


class ScanProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file gives no `DicomRecord`; `message` is for a person and names no patient."""

    path: Path
    reason: ScanReason
    message: str
    size_bytes: int = 0
