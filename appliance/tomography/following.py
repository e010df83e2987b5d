"""Aligns a series as a directive file asks, and tells how good it is."""

from __future__ import annotations

from appliance.tomography.aligning import AlignRules, Method, align
from appliance.tomography.embedded import Aligned
from appliance.tomography.engines import Progress
from appliance.tomography.records import TiltSeries
from appliance.tomography.wishes import Wishes

__all__ = ["align_series"]

_METHODS: dict[str, Method] = {"beads": "auto", "patches": "patches", "coarse": "coarse"}


def align_series(series: TiltSeries, wishes: Wishes, progress: Progress) -> Aligned:
    """Align a series by beads, patches or its neighbours; see `appliance.tomography.Aligner`."""
    asked = wishes.tracking
    rules = AlignRules(
        method=_METHODS[asked.method],
        bead_nm=asked.bead_nm,
        bright_beads=asked.bright_beads,
        axis_deg=wishes.axis_deg,
        exclude=frozenset(wishes.skipped),
        follows_gold=wishes.erases_gold,
    )
    found = align(series, rules, progress)
    return Aligned(found.alignment, found.as_json())
