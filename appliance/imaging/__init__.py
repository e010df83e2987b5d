"""Kernels on volumes: previews, masks, statistics, resampling, registration, diffusion and more.

Pure functions from values to values; reads and writes no file and knows no catalog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.imaging.agreement import Agreement, mask_agreement
    from appliance.imaging.arithmetic import calculate
    from appliance.imaging.bias import correct_bias
    from appliance.imaging.brain import brain_mask
    from appliance.imaging.bundles import filter_streamlines
    from appliance.imaging.deforming import Deformation, deform, field_volume
    from appliance.imaging.diffusion import (
        MAPS,
        TrackRules,
        fit_tensor,
        foreground,
        read_gradients,
        track,
    )
    from appliance.imaging.faces import FaceRemoval, remove_face
    from appliance.imaging.masks import (
        SetOperation,
        close_mask,
        combine_masks,
        components,
        dilate,
        erode,
        fill_holes,
        keep_largest,
        open_mask,
        remove_salt,
    )
    from appliance.imaging.mosaics import mosaic
    from appliance.imaging.quality import image_quality
    from appliance.imaging.registration import Metric, Motion, Registration, register
    from appliance.imaging.resampling import resample, smooth
    from appliance.imaging.roi_components import (
        fill_mask_holes,
        label_parts,
        largest_parts,
        without_salt,
    )
    from appliance.imaging.roi_growing import grow_region
    from appliance.imaging.roi_measures import RoiMeasures, RoiRules, measure_roi
    from appliance.imaging.roi_morphology import Morph, morph
    from appliance.imaging.roi_pens import (
        Outline,
        Pen,
        brush,
        fill_outline,
    )
    from appliance.imaging.roi_shaping import (
        crop_to_mask,
        fill_between,
        mirror_mask,
        smooth_mask,
    )
    from appliance.imaging.slices import Plane, slice_preview
    from appliance.imaging.statistics import RoiStatistics, roi_statistics
    from appliance.imaging.thresholds import numbered_parts, otsu, threshold
    from appliance.imaging.tissue import tissue_classes
    from appliance.imaging.warping import itk_affine_text, pull_image
    from appliance.imaging.windows import auto_window

__all__ = [
    "MAPS",
    "Agreement",
    "Deformation",
    "FaceRemoval",
    "Metric",
    "Morph",
    "Motion",
    "Outline",
    "Pen",
    "Plane",
    "Registration",
    "RoiMeasures",
    "RoiRules",
    "RoiStatistics",
    "SetOperation",
    "TrackRules",
    "auto_window",
    "brain_mask",
    "brush",
    "calculate",
    "close_mask",
    "combine_masks",
    "components",
    "correct_bias",
    "crop_to_mask",
    "deform",
    "dilate",
    "erode",
    "field_volume",
    "fill_between",
    "fill_holes",
    "fill_mask_holes",
    "fill_outline",
    "filter_streamlines",
    "fit_tensor",
    "foreground",
    "grow_region",
    "image_quality",
    "itk_affine_text",
    "keep_largest",
    "label_parts",
    "largest_parts",
    "mask_agreement",
    "measure_roi",
    "mirror_mask",
    "morph",
    "mosaic",
    "numbered_parts",
    "open_mask",
    "otsu",
    "pull_image",
    "read_gradients",
    "register",
    "remove_face",
    "remove_salt",
    "resample",
    "roi_statistics",
    "slice_preview",
    "smooth",
    "smooth_mask",
    "threshold",
    "tissue_classes",
    "track",
    "without_salt",
]

_HOMES = {
    "agreement": ("Agreement", "mask_agreement"),
    "arithmetic": ("calculate",),
    "bias": ("correct_bias",),
    "bundles": ("filter_streamlines",),
    "deforming": ("Deformation", "deform", "field_volume"),
    "diffusion": (
        "MAPS",
        "TrackRules",
        "fit_tensor",
        "foreground",
        "read_gradients",
        "track",
    ),
    "mosaics": ("mosaic",),
    "quality": ("image_quality",),
    "registration": (
        "Metric",
        "Motion",
        "Registration",
        "register",
    ),
    "thresholds": (
        "numbered_parts",
        "otsu",
        "threshold",
    ),
    "tissue": ("tissue_classes",),
    "warping": (
        "itk_affine_text",
        "pull_image",
    ),
    "brain": ("brain_mask",),
    "faces": ("FaceRemoval", "remove_face"),
    "masks": (
        "SetOperation",
        "close_mask",
        "combine_masks",
        "components",
        "dilate",
        "erode",
        "fill_holes",
        "keep_largest",
        "open_mask",
        "remove_salt",
    ),
    "resampling": ("resample", "smooth"),
    "roi_components": ("fill_mask_holes", "label_parts", "largest_parts", "without_salt"),
    "roi_growing": ("grow_region",),
    "roi_morphology": ("Morph", "morph"),
    "roi_pens": ("Outline", "Pen", "brush", "fill_outline"),
    "roi_shaping": ("crop_to_mask", "fill_between", "mirror_mask", "smooth_mask"),
    "slices": ("Plane", "slice_preview"),
    "roi_measures": ("RoiMeasures", "RoiRules", "measure_roi"),
    "statistics": ("RoiStatistics", "roi_statistics"),
    "windows": ("auto_window",),
}

__getattr__ = lazy_door(__name__, {name: home for home, names in _HOMES.items() for name in names})
