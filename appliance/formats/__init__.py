"""From files to volumes, meshes, tractograms and header facts, and back.

Knows file formats and nothing of projects, catalogs or patients' folders. Every reader raises
`FormatError` for a file that is damaged or not what its name says; `scan_dicom` never raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.formats.dicom_record import DicomRecord, ScanProblem, ScanReason
    from appliance.formats.dicom_scan import scan_dicom

__all__ = ["DicomRecord", "ScanProblem", "ScanReason", "scan_dicom"]

_NAMES = {
    "DicomRecord": "dicom_record",
    "ScanProblem": "dicom_record",
    "ScanReason": "dicom_record",
    "scan_dicom": "dicom_scan",
}

__getattr__ = lazy_door(__name__, _NAMES)
