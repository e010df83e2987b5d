"""From files to volumes, meshes, tractograms and header facts, and back.

Knows file formats and nothing of projects, catalogs or patients' folders. Every reader raises
`FormatError` for a file that is damaged or not what its name says; `scan_dicom` never raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door
from appliance.formats.kinds import FileKind, kind_of, suffix_of

if TYPE_CHECKING:
    from appliance.formats.converting import convert_file
    from appliance.formats.dicom_frames import DicomFrame, frame_pixels, scan_frames
    from appliance.formats.dicom_record import DicomRecord, ScanProblem, ScanReason
    from appliance.formats.dicom_scan import scan_dicom
    from appliance.formats.dicom_seg import (
        SegmentationRead,
        is_segmentation,
        read_segmentation,
        write_segmentation,
    )
    from appliance.formats.dicom_write import dicom_series, dicom_uid, write_dicom_series
    from appliance.formats.facts import FileFacts, file_facts
    from appliance.formats.markers import (
        MARKER_SUFFIXES,
        MarkerFile,
        check_sets,
        markers_json,
        parse_markers,
    )
    from appliance.formats.meshes import read_mesh
    from appliance.formats.nifti import plain_nifti_bytes, write_nifti
    from appliance.formats.roi_files import (
        Label,
        RoiReference,
        read_labels,
        read_reference,
        read_xdata,
        write_roi,
    )
    from appliance.formats.streamlines import read_streamlines, write_tck
    from appliance.formats.volumes import (
        VolumeHeader,
        read_frame,
        read_header,
        read_slab,
        read_volume,
    )

__all__ = [
    "MARKER_SUFFIXES",
    "DicomFrame",
    "DicomRecord",
    "FileFacts",
    "FileKind",
    "Label",
    "MarkerFile",
    "RoiReference",
    "ScanProblem",
    "ScanReason",
    "SegmentationRead",
    "VolumeHeader",
    "check_sets",
    "convert_file",
    "dicom_series",
    "dicom_uid",
    "file_facts",
    "frame_pixels",
    "is_segmentation",
    "kind_of",
    "markers_json",
    "parse_markers",
    "plain_nifti_bytes",
    "read_frame",
    "read_header",
    "read_labels",
    "read_mesh",
    "read_reference",
    "read_segmentation",
    "read_slab",
    "read_streamlines",
    "read_volume",
    "read_xdata",
    "scan_dicom",
    "scan_frames",
    "suffix_of",
    "write_dicom_series",
    "write_nifti",
    "write_roi",
    "write_segmentation",
    "write_tck",
]

__getattr__ = lazy_door(
    __name__,
    {
        "DicomFrame": "dicom_frames",
        "DicomRecord": "dicom_record",
        "FileFacts": "facts",
        "Label": "roi_files",
        "MARKER_SUFFIXES": "markers",
        "MarkerFile": "markers",
        "RoiReference": "roi_files",
        "ScanProblem": "dicom_record",
        "ScanReason": "dicom_record",
        "SegmentationRead": "dicom_seg",
        "VolumeHeader": "volumes",
        "check_sets": "markers",
        "convert_file": "converting",
        "dicom_series": "dicom_write",
        "dicom_uid": "dicom_write",
        "file_facts": "facts",
        "frame_pixels": "dicom_frames",
        "is_segmentation": "dicom_seg",
        "markers_json": "markers",
        "parse_markers": "markers",
        "plain_nifti_bytes": "nifti",
        "read_frame": "volumes",
        "read_header": "volumes",
        "read_labels": "roi_files",
        "read_mesh": "meshes",
        "read_reference": "roi_files",
        "read_segmentation": "dicom_seg",
        "read_slab": "volumes",
        "read_streamlines": "streamlines",
        "read_volume": "volumes",
        "read_xdata": "roi_files",
        "scan_dicom": "dicom_scan",
        "scan_frames": "dicom_frames",
        "write_dicom_series": "dicom_write",
        "write_nifti": "nifti",
        "write_roi": "roi_files",
        "write_segmentation": "dicom_seg",
        "write_tck": "streamlines",
    },
)
