"""From files to volumes, meshes, tractograms and header facts, and back.

Knows file formats and nothing of projects, catalogs or patients' folders. Every reader raises
`FormatError` for a file that is damaged or not what its name says; `scan_dicom` never raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door
from appliance.formats.kinds import FileKind, is_dicom_name, kind_of, suffix_of

if TYPE_CHECKING:
    from appliance.formats.complex_parts import ComplexPart, complex_part
    from appliance.formats.converting import convert_file
    from appliance.formats.dicom_answer import answer_bytes, read_question
    from appliance.formats.dicom_blacken import CannotBlacken
    from appliance.formats.dicom_carried import carried_files, pictures
    from appliance.formats.dicom_commitment import (
        CommitmentRequest,
        commitment_bytes,
        commitment_report,
        read_commitment,
    )
    from appliance.formats.dicom_frames import DicomFrame, frame_pixels, scan_frames
    from appliance.formats.dicom_header import DicomElement, DicomHeader, read_dicom_header
    from appliance.formats.dicom_json import object_frames, object_json, object_value
    from appliance.formats.dicom_meta import IMPLEMENTATION, write_meta
    from appliance.formats.dicom_peek import peek_uids
    from appliance.formats.dicom_query import query_answer, query_identifier
    from appliance.formats.dicom_record import DicomRecord, ScanProblem, ScanReason
    from appliance.formats.dicom_regions import (
        Region,
        RegionsRead,
        RoiForm,
        RoiReferences,
        frame_of_reference,
        roi_form,
        roi_references,
    )
    from appliance.formats.dicom_results import (
        RESEARCH,
        result_tags,
        write_picture,
        write_report,
    )
    from appliance.formats.dicom_rewrite import (
        DicomPart,
        Fate,
        blackened_dicom,
        dicom_parts,
        dicom_vr,
        rewrite_dicom,
    )
    from appliance.formats.dicom_scan import scan_dicom
    from appliance.formats.dicom_seg import (
        SegmentationRead,
        is_segmentation,
        read_segmentation,
        segmentation_regions,
        write_segmentation,
    )
    from appliance.formats.dicom_unpack import unpack_dicom
    from appliance.formats.dicom_values import dicom_tag, header_values
    from appliance.formats.dicom_volume import read_dicom_volume
    from appliance.formats.dicom_write import dicom_series, dicom_uid, write_dicom_series
    from appliance.formats.facts import FileFacts, file_facts
    from appliance.formats.label_tables import (
        LABEL_SUFFIXES,
        label_color,
        parse_label_table,
        read_label_table,
    )
    from appliance.formats.markers import (
        MARKER_SUFFIXES,
        MarkerFile,
        check_sets,
        markers_json,
        parse_markers,
    )
    from appliance.formats.meshes import read_mesh, write_mz3
    from appliance.formats.mosaic_stack import (
        MosaicStack,
        is_mosaic,
        read_mosaics,
        tiling_of,
        write_mosaic_image,
    )
    from appliance.formats.mrc_stack import MrcFacts, MrcWriter, read_mrc_stack
    from appliance.formats.nifti import plain_nifti_bytes, write_nifti
    from appliance.formats.nifti_texts import NiftiTexts, texts_of_nifti
    from appliance.formats.plain_stack import read_stack
    from appliance.formats.roi_files import (
        Label,
        RoiReference,
        read_labels,
        read_reference,
        read_xdata,
        write_roi,
    )
    from appliance.formats.rtstruct import read_structures
    from appliance.formats.rtstruct_write import write_structures
    from appliance.formats.slides import MULTICHANNEL, Slide, SlideScene, open_slide, slide_suffix
    from appliance.formats.spreadsheets import sheet_names, sheet_rows
    from appliance.formats.stack_image import (
        ImageHead,
        lay_out,
        part_of,
        stack_values,
        turn_of,
        write_stack_image,
    )
    from appliance.formats.stack_parts import NotPlain, PlainStack
    from appliance.formats.streamlines import read_streamlines, write_tck
    from appliance.formats.surfer_table import freesurfer_labels
    from appliance.formats.volumes import (
        VolumeHeader,
        read_frame,
        read_header,
        read_slab,
        read_volume,
    )

__all__ = [
    "IMPLEMENTATION",
    "LABEL_SUFFIXES",
    "MARKER_SUFFIXES",
    "MULTICHANNEL",
    "RESEARCH",
    "CannotBlacken",
    "CommitmentRequest",
    "ComplexPart",
    "DicomElement",
    "DicomFrame",
    "DicomHeader",
    "DicomPart",
    "DicomRecord",
    "Fate",
    "FileFacts",
    "FileKind",
    "ImageHead",
    "Label",
    "MarkerFile",
    "MosaicStack",
    "MrcFacts",
    "MrcWriter",
    "NiftiTexts",
    "NotPlain",
    "PlainStack",
    "Region",
    "RegionsRead",
    "RoiForm",
    "RoiReference",
    "RoiReferences",
    "ScanProblem",
    "ScanReason",
    "SegmentationRead",
    "Slide",
    "SlideScene",
    "VolumeHeader",
    "answer_bytes",
    "blackened_dicom",
    "carried_files",
    "check_sets",
    "commitment_bytes",
    "commitment_report",
    "complex_part",
    "convert_file",
    "dicom_parts",
    "dicom_series",
    "dicom_tag",
    "dicom_uid",
    "dicom_vr",
    "file_facts",
    "frame_of_reference",
    "frame_pixels",
    "freesurfer_labels",
    "header_values",
    "is_dicom_name",
    "is_mosaic",
    "is_segmentation",
    "kind_of",
    "label_color",
    "lay_out",
    "markers_json",
    "object_frames",
    "object_json",
    "object_value",
    "open_slide",
    "parse_label_table",
    "parse_markers",
    "part_of",
    "peek_uids",
    "pictures",
    "plain_nifti_bytes",
    "query_answer",
    "query_identifier",
    "read_commitment",
    "read_dicom_header",
    "read_dicom_volume",
    "read_frame",
    "read_header",
    "read_label_table",
    "read_labels",
    "read_mesh",
    "read_mosaics",
    "read_mrc_stack",
    "read_question",
    "read_reference",
    "read_segmentation",
    "read_slab",
    "read_stack",
    "read_streamlines",
    "read_structures",
    "read_volume",
    "read_xdata",
    "result_tags",
    "rewrite_dicom",
    "roi_form",
    "roi_references",
    "scan_dicom",
    "scan_frames",
    "segmentation_regions",
    "sheet_names",
    "sheet_rows",
    "slide_suffix",
    "stack_values",
    "suffix_of",
    "texts_of_nifti",
    "tiling_of",
    "turn_of",
    "unpack_dicom",
    "write_dicom_series",
    "write_meta",
    "write_mosaic_image",
    "write_mz3",
    "write_nifti",
    "write_picture",
    "write_report",
    "write_roi",
    "write_segmentation",
    "write_stack_image",
    "write_structures",
    "write_tck",
]

__getattr__ = lazy_door(
    __name__,
    {
        "CommitmentRequest": "dicom_commitment",
        "ComplexPart": "complex_parts",
        "DicomElement": "dicom_header",
        "DicomFrame": "dicom_frames",
        "DicomHeader": "dicom_header",
        "DicomPart": "dicom_rewrite",
        "DicomRecord": "dicom_record",
        "CannotBlacken": "dicom_blacken",
        "Fate": "dicom_rewrite",
        "blackened_dicom": "dicom_rewrite",
        "FileFacts": "facts",
        "LABEL_SUFFIXES": "label_tables",
        "Label": "roi_files",
        "MARKER_SUFFIXES": "markers",
        "MarkerFile": "markers",
        "MrcFacts": "mrc_stack",
        "MrcWriter": "mrc_stack",
        "RESEARCH": "dicom_results",
        "Region": "dicom_regions",
        "RegionsRead": "dicom_regions",
        "RoiForm": "dicom_regions",
        "RoiReference": "roi_files",
        "RoiReferences": "dicom_regions",
        "ScanProblem": "dicom_record",
        "ScanReason": "dicom_record",
        "SegmentationRead": "dicom_seg",
        "VolumeHeader": "volumes",
        "answer_bytes": "dicom_answer",
        "unpack_dicom": "dicom_unpack",
        "read_question": "dicom_answer",
        "carried_files": "dicom_carried",
        "check_sets": "markers",
        "pictures": "dicom_carried",
        "IMPLEMENTATION": "dicom_meta",
        "commitment_bytes": "dicom_commitment",
        "commitment_report": "dicom_commitment",
        "complex_part": "complex_parts",
        "peek_uids": "dicom_peek",
        "read_commitment": "dicom_commitment",
        "write_meta": "dicom_meta",
        "convert_file": "converting",
        "dicom_parts": "dicom_rewrite",
        "dicom_series": "dicom_write",
        "dicom_uid": "dicom_write",
        "dicom_tag": "dicom_values",
        "dicom_vr": "dicom_rewrite",
        "header_values": "dicom_values",
        "file_facts": "facts",
        "frame_of_reference": "dicom_regions",
        "frame_pixels": "dicom_frames",
        "freesurfer_labels": "surfer_table",
        "ImageHead": "stack_image",
        "NotPlain": "stack_parts",
        "MosaicStack": "mosaic_stack",
        "is_mosaic": "mosaic_stack",
        "read_mosaics": "mosaic_stack",
        "tiling_of": "mosaic_stack",
        "write_mosaic_image": "mosaic_stack",
        "lay_out": "stack_image",
        "PlainStack": "stack_parts",
        "part_of": "stack_image",
        "read_stack": "plain_stack",
        "stack_values": "stack_image",
        "turn_of": "stack_image",
        "write_stack_image": "stack_image",
        "is_segmentation": "dicom_seg",
        "label_color": "label_tables",
        "markers_json": "markers",
        "object_frames": "dicom_json",
        "object_json": "dicom_json",
        "object_value": "dicom_json",
        "parse_label_table": "label_tables",
        "parse_markers": "markers",
        "NiftiTexts": "nifti_texts",
        "texts_of_nifti": "nifti_texts",
        "plain_nifti_bytes": "nifti",
        "query_answer": "dicom_query",
        "query_identifier": "dicom_query",
        "read_dicom_header": "dicom_header",
        "read_dicom_volume": "dicom_volume",
        "read_frame": "volumes",
        "read_header": "volumes",
        "read_label_table": "label_tables",
        "read_labels": "roi_files",
        "read_mesh": "meshes",
        "read_mrc_stack": "mrc_stack",
        "read_reference": "roi_files",
        "read_segmentation": "dicom_seg",
        "read_slab": "volumes",
        "read_streamlines": "streamlines",
        "read_structures": "rtstruct",
        "read_volume": "volumes",
        "read_xdata": "roi_files",
        "result_tags": "dicom_results",
        "rewrite_dicom": "dicom_rewrite",
        "roi_form": "dicom_regions",
        "roi_references": "dicom_regions",
        "scan_dicom": "dicom_scan",
        "scan_frames": "dicom_frames",
        "segmentation_regions": "dicom_seg",
        "MULTICHANNEL": "slides",
        "Slide": "slides",
        "SlideScene": "slides",
        "open_slide": "slides",
        "sheet_names": "spreadsheets",
        "sheet_rows": "spreadsheets",
        "slide_suffix": "slides",
        "write_dicom_series": "dicom_write",
        "write_mz3": "meshes",
        "write_nifti": "nifti",
        "write_picture": "dicom_results",
        "write_report": "dicom_results",
        "write_roi": "roi_files",
        "write_segmentation": "dicom_seg",
        "write_structures": "rtstruct_write",
        "write_tck": "streamlines",
    },
)
