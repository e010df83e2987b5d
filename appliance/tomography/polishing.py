"""Lays the tilts of a solution by beads or patches upon projections, and tells what that did."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from appliance.tomography.bundle import Bundle, Seen, rescore, turn
from appliance.tomography.matching import Polished, gauge_free, polish, slab_of, suits
from appliance.tomography.records import TiltAlignment
from appliance.tomography.working import Working

__all__ = ["Polishing", "polish_bundle"]

Floats = NDArray[np.float64]
_THICKNESS = 0.25  # of the width: a specimen that does not stand out, at most
_UNKNOWN = "the specimen does not stand out, so its thickness is not known"
_UNSUITED = "there are too few tilts, or one is too steep"
_RESTLESS = "the steps did not become small"


@dataclass(frozen=True, slots=True)
class Polishing:
    """What laying tilts upon projections did; lengths in working pixels.

    Attributes
    ----------
    dropped : str
        Why its shifts were not taken; empty where they were.
    tracked : Bundle
        The solution by beads or patches, as it was before.
    thickness_px : float or None
        Of the tomogram that was projected; None where none was made.
    is_found : bool
        Whether that thickness was found in the images, not assumed.
    rounds : int
    axis_deg : float
        By how much the axis was turned.
    moved : array (n_tilts,)
        By how much each tilt was moved, leaving out what moves the whole specimen; NaN for tilts
        that are left out, and for all where polishing was dropped.
    """

    dropped: str
    tracked: Bundle
    thickness_px: float | None
    is_found: bool
    rounds: int
    axis_deg: float
    moved: Floats

    @property
    def moved_px(self) -> float:
        """By how much the usual tilt was moved: the median."""
        return float(np.nanmedian(self.moved)) if np.isfinite(self.moved).any() else 0.0

    def as_json(self, binning: int) -> dict[str, object]:
        """What the report says of it, in unbinned pixels."""
        thick = self.thickness_px
        moved = [round(float(r) * binning, 3) if np.isfinite(r) else None for r in self.moved]
        return {
            "is_kept": not self.dropped,
            "dropped": self.dropped,
            "thickness_px": None if thick is None else round(thick * binning, 1),
            "thickness_is_found": self.is_found,
            "rounds": self.rounds,
            "axis_turned_deg": round(self.axis_deg, 3),
            "moved_px": moved,
        }


def polish_bundle(
    working: Working, seen: Seen, bundle: Bundle, shifts: Floats, *, by_patches: bool
) -> tuple[Bundle, Polishing]:
    """Let beads or patches tell the axis and where to begin, and the tomogram the rest.

    Parameters
    ----------
    working : Working
    seen : Seen
        Beads or patches.
    bundle : Bundle
        The solution by them.
    shifts : array (n_tilts, 2)
        Those of the solution, and where it has none, what is known otherwise; working pixels.
    by_patches : bool
        Whether it were patches: then the axis is looked for, too, and a specimen that does not
        stand out is taken to be thick.

    Returns
    -------
    (Bundle, Polishing)
        The solution with the new shifts, scored by the same beads or patches, or the given one
        where polishing was dropped.
    """
    used = np.zeros(len(working.images), bool)
    used[working.good] = True
    working = replace(working, angles_deg=bundle.angles_deg)
    slab = slab_of(working, TiltAlignment(bundle.matrices, shifts, working.angles_deg, used))
    is_found = slab is not None
    if slab is None and by_patches:
        slab = _THICKNESS * working.images.shape[2], 0.0
    found = (
        polish(
            working,
            bundle.axis_deg,
            shifts,
            slab_px=slab,
            turns=by_patches,
            bends=bundle.matrices @ turn(-bundle.axis_deg),
        )
        if slab
        else None
    )
    if slab is None or found is None or not found.is_settled:
        thickness, rounds = (slab[0], found.rounds) if slab and found else (None, 0)
        why = _RESTLESS if found else _UNKNOWN if suits(working) else _UNSUITED
        nothing = np.full(len(shifts), np.nan)
        return bundle, Polishing(why, bundle, thickness, is_found, rounds, 0.0, nothing)
    moved = _moved(working, bundle.axis_deg, shifts, found)
    turned = found.axis_deg - bundle.axis_deg
    told = Polishing("", bundle, slab[0], is_found, found.rounds, turned, moved)
    return rescore(seen, bundle, found.axis_deg, found.shifts), told


def _moved(working: Working, axis_deg: float, before: Floats, found: Polished) -> Floats:
    """How far each tilt was moved, whatever the axis: (n_tilts,)."""
    moved = np.full(len(before), np.nan)
    turned = before @ (turn(found.axis_deg) @ turn(axis_deg).T).T
    off = (found.shifts - turned)[working.good]
    moved[working.good] = np.hypot(*gauge_free(off, working.angles_deg[working.good]).T)
    return moved
