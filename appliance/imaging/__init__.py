"""Kernels on volumes: previews, masks, statistics, resampling, smoothing, a quick brain mask.

Pure functions from values to values; reads and writes no file and knows no catalog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.imaging.brain import brain_mask
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
    from appliance.imaging.resampling import resample, smooth
    from appliance.imaging.slices import Plane, slice_preview
    from appliance.imaging.statistics import RoiStatistics, roi_statistics
    from appliance.imaging.windows import auto_window

__all__ = [
    "Plane",
    "RoiStatistics",
    "SetOperation",
    "auto_window",
    "brain_mask",
    "close_mask",
    "combine_masks",
    "components",
    "dilate",
    "erode",
    "fill_holes",
    "keep_largest",
    "open_mask",
    "remove_salt",
    "resample",
    "roi_statistics",
    "slice_preview",
    "smooth",
]

_HOMES = {
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
