"""Electron tomography: from a tilt series to a tomogram, its movies and its multiscale pyramid.

Two engines share one contract: IMOD where the user has installed it, and one of our own. Never
changes a tilt series; speaks HTTP only to a callback address that a user configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.tomography.form import Form, OwnTemplates, complete_tomogram, make_form
    from appliance.tomography.live_series import LiveRoot, LiveSeries, StudyPlace
    from appliance.tomography.records import TiltAlignment, TiltSeries
    from appliance.tomography.sample import write_sample
    from appliance.tomography.slice_pool import SlicePool
    from appliance.tomography.slice_series import SliceFacts, facts_of
    from appliance.tomography.slide_glass import glass_jpeg
    from appliance.tomography.toolset import TOMOGRAPHY_TOOLS

__all__ = [
    "TOMOGRAPHY_TOOLS",
    "Form",
    "LiveRoot",
    "LiveSeries",
    "OwnTemplates",
    "SliceFacts",
    "SlicePool",
    "StudyPlace",
    "TiltAlignment",
    "TiltSeries",
    "complete_tomogram",
    "facts_of",
    "glass_jpeg",
    "make_form",
    "write_sample",
]

_HOMES = {
    "form": ("Form", "OwnTemplates", "complete_tomogram", "make_form"),
    "live_series": ("LiveRoot", "LiveSeries", "StudyPlace"),
    "records": ("TiltAlignment", "TiltSeries"),
    "sample": ("write_sample",),
    "slice_pool": ("SlicePool",),
    "slice_series": ("SliceFacts", "facts_of"),
    "slide_glass": ("glass_jpeg",),
    "toolset": ("TOMOGRAPHY_TOOLS",),
}

__getattr__ = lazy_door(__name__, {name: home for home, names in _HOMES.items() for name in names})
