"""Kernels on volumes: previews, masks, statistics, resampling, registration, diffusion and more.

Pure functions from values to values; reads and writes no file and knows no catalog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.imaging.arithmetic import calculate
    from appliance.imaging.bias import correct_bias
    from appliance.imaging.brain import brain_mask
    from appliance.imaging.bundles import filter_streamlines
    from appliance.imaging.diffusion import (
        MAPS,
        TrackRules,
        fit_tensor,
        foreground,
        read_gradients,
        track,
    )
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
    from appliance.imaging.registration import Metric, Motion, Registration, register
    from appliance.imaging.resampling import resample, smooth
    from appliance.imaging.slices import Plane, slice_preview
    from appliance.imaging.statistics import RoiStatistics, roi_statistics
    from appliance.imaging.thresholds import numbered_parts, otsu, threshold
    from appliance.imaging.tissue import tissue_classes
    from appliance.imaging.warping import itk_affine_text, pull_image
    from appliance.imaging.windows import auto_window

__all__ = [
    "MAPS",
    "Metric",
    "Motion",
    "Plane",
    "Registration",
    "RoiStatistics",
    "SetOperation",
    "TrackRules",
    "auto_window",
    "brain_mask",
    "calculate",
    "close_mask",
    "combine_masks",
    "components",
    "correct_bias",
    "dilate",
    "erode",
    "fill_holes",
    "filter_streamlines",
    "fit_tensor",
    "foreground",
    "itk_affine_text",
    "keep_largest",
    "mosaic",
    "numbered_parts",
    "open_mask",
    "otsu",
    "pull_image",
    "read_gradients",
    "register",
    "remove_salt",
    "resample",
    "roi_statistics",
    "slice_preview",
    "smooth",
    "threshold",
    "tissue_classes",
    "track",
]

_HOMES = {
    "arithmetic": ("calculate",),
    "bias": ("correct_bias",),
    "bundles": ("filter_streamlines",),
    "diffusion": (
        "MAPS",
        "TrackRules",
        "fit_tensor",
        "foreground",
        "read_gradients",
        "track",
    ),
    "mosaics": ("mosaic",),
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
    "slices": ("Plane", "slice_preview"),
    "statistics": ("RoiStatistics", "roi_statistics"),
    "windows": ("auto_window",),
}

__getattr__ = lazy_door(__name__, {name: home for home, names in _HOMES.items() for name in names})
