"""What a viewer needs: plain volumes, previews, image tools, and what people draw and annotate.

Images of the catalog are read only; what is saved keeps what it replaces as an earlier version. The
tools run as programs in jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.viewing.annotations import (
        annotation_path,
        read_annotations,
        save_annotations,
    )
    from appliance.viewing.atlases import AtlasLabel, LabelTable, label_table
    from appliance.viewing.autoloader_cases import (
        Case,
        Found,
        RatedCase,
        case_files,
        case_ratings,
        find_case,
    )
    from appliance.viewing.autoloaders import (
        KeptPreset,
        PresetAsker,
        PresetDraft,
        PresetShare,
        change_preset,
        find_preset,
        forget_preset,
        keep_preset,
        list_presets,
        no_preset,
        read_preset,
    )
    from appliance.viewing.checkin import CheckedIn, OtherGrid, check_in
    from appliance.viewing.checkout import (
        PROGRAMS,
        Checkout,
        Program,
        changed_file,
        check_out,
        checkout_command,
        checkout_folder,
        find_checkout,
        find_underlay,
        list_checkouts,
        no_checkout,
        release_checkout,
    )
    from appliance.viewing.checkout_watch import CheckoutWatcher
    from appliance.viewing.contact import ContactSheet, Plane
    from appliance.viewing.dicom_rois import (
        DicomImage,
        ImportedRois,
        export_dicom_rois,
        import_dicom_rois,
    )
    from appliance.viewing.display import display_surface, display_volume, shrink_cache
    from appliance.viewing.documents import (
        PictureFacts,
        document_picture,
        picture_facts,
        table_page,
    )
    from appliance.viewing.lengths import agreement_in_mm, length_unit
    from appliance.viewing.links import (
        FileName,
        Link,
        LinkDraft,
        check_owner,
        find_link,
        list_links,
        make_link,
        named_files,
        no_link,
        replace_link,
        revoke_link,
    )
    from appliance.viewing.marker_numbers import marker_statistics
    from appliance.viewing.masks import DrawnRoi, RoiDocument, save_rois
    from appliance.viewing.measuring import (
        MeasuredImage,
        MeasuredRoi,
        StatisticsRow,
        measure_all,
        statistics_csv,
        statistics_document,
    )
    from appliance.viewing.origin import VoxelSource, voxel_source
    from appliance.viewing.packing import pack_bits, unpack_mask
    from appliance.viewing.presets import CaseLevel, Entry, Preset
    from appliance.viewing.preview import preview_image
    from appliance.viewing.restoring import (
        Version,
        list_versions,
        restore_version,
        undo_save,
        version_path,
    )
    from appliance.viewing.saving import Changed, Limits, Saved, Wanted, save
    from appliance.viewing.segments import (
        RoiSet,
        RoiValues,
        Segment,
        read_rois,
        roi_bits,
        roi_mask,
        roi_name,
        roi_set,
    )
    from appliance.viewing.toolset import TOOLS
    from appliance.viewing.versions import move_versions, versions_of

__all__ = [
    "PROGRAMS",
    "TOOLS",
    "AtlasLabel",
    "Case",
    "CaseLevel",
    "Changed",
    "CheckedIn",
    "Checkout",
    "CheckoutWatcher",
    "ContactSheet",
    "DicomImage",
    "DrawnRoi",
    "Entry",
    "FileName",
    "Found",
    "ImportedRois",
    "KeptPreset",
    "LabelTable",
    "Limits",
    "Link",
    "LinkDraft",
    "MeasuredImage",
    "MeasuredRoi",
    "OtherGrid",
    "PictureFacts",
    "Plane",
    "Preset",
    "PresetAsker",
    "PresetDraft",
    "PresetShare",
    "Program",
    "RatedCase",
    "RoiDocument",
    "RoiSet",
    "RoiValues",
    "Saved",
    "Segment",
    "StatisticsRow",
    "Version",
    "VoxelSource",
    "Wanted",
    "agreement_in_mm",
    "annotation_path",
    "case_files",
    "case_ratings",
    "change_preset",
    "changed_file",
    "check_in",
    "check_out",
    "check_owner",
    "checkout_command",
    "checkout_folder",
    "display_surface",
    "display_volume",
    "document_picture",
    "export_dicom_rois",
    "find_case",
    "find_checkout",
    "find_link",
    "find_preset",
    "find_underlay",
    "forget_preset",
    "import_dicom_rois",
    "keep_preset",
    "label_table",
    "length_unit",
    "list_checkouts",
    "list_links",
    "list_presets",
    "list_versions",
    "make_link",
    "marker_statistics",
    "measure_all",
    "move_versions",
    "named_files",
    "no_checkout",
    "no_link",
    "no_preset",
    "pack_bits",
    "picture_facts",
    "preview_image",
    "read_annotations",
    "read_preset",
    "read_rois",
    "release_checkout",
    "replace_link",
    "restore_version",
    "revoke_link",
    "roi_bits",
    "roi_mask",
    "roi_name",
    "roi_set",
    "save",
    "save_annotations",
    "save_rois",
    "shrink_cache",
    "statistics_csv",
    "statistics_document",
    "table_page",
    "undo_save",
    "unpack_mask",
    "version_path",
    "versions_of",
    "voxel_source",
]

_HOMES = {
    "annotations": "annotation_path read_annotations save_annotations",
    "autoloader_cases": "Case Found RatedCase case_files case_ratings find_case",
    "autoloaders": (
        "KeptPreset PresetAsker PresetDraft PresetShare change_preset find_preset forget_preset"
        " keep_preset list_presets no_preset read_preset"
    ),
    "atlases": "AtlasLabel LabelTable label_table",
    "checkin": "CheckedIn OtherGrid check_in",
    "checkout": (
        "PROGRAMS Checkout Program changed_file check_out checkout_command checkout_folder"
        " find_checkout find_underlay list_checkouts no_checkout release_checkout"
    ),
    "checkout_watch": "CheckoutWatcher",
    "contact": "ContactSheet Plane",
    "dicom_rois": "DicomImage ImportedRois export_dicom_rois import_dicom_rois",
    "display": "display_surface display_volume shrink_cache",
    "documents": "PictureFacts document_picture picture_facts table_page",
    "lengths": "agreement_in_mm length_unit",
    "links": (
        "FileName Link LinkDraft check_owner find_link list_links make_link named_files no_link"
        " replace_link revoke_link"
    ),
    "marker_numbers": "marker_statistics",
    "masks": "DrawnRoi RoiDocument save_rois",
    "measuring": (
        "MeasuredImage MeasuredRoi StatisticsRow measure_all statistics_csv statistics_document"
    ),
    "origin": "VoxelSource voxel_source",
    "packing": "pack_bits unpack_mask",
    "presets": "CaseLevel Entry Preset",
    "preview": "preview_image",
    "restoring": "Version list_versions restore_version undo_save version_path",
    "saving": "Changed Limits Saved Wanted save",
    "segments": "RoiSet RoiValues Segment read_rois roi_bits roi_mask roi_name roi_set",
    "toolset": "TOOLS",
    "versions": "move_versions versions_of",
}

__getattr__ = lazy_door(
    __name__, {name: home for home, names in _HOMES.items() for name in names.split()}
)
