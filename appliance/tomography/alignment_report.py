"""What is told of an alignment: how it was found and how good it is, in unbinned pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from appliance.tomography.bundle import Bundle, Seen
from appliance.tomography.polishing import Polishing
from appliance.tomography.records import TiltAlignment
from appliance.tomography.tilt_refining import Refined

__all__ = [
    "AlignmentReport",
    "bead_list",
    "per_tilt",
    "polishing_facts",
    "refining_facts",
    "rejected_list",
    "rounded",
]

_ODD = 3.0  # a tilt whose residual is so many times the usual one is flagged


@dataclass(frozen=True, slots=True)
class AlignmentReport:
    """An alignment and how good it is.

    Attributes
    ----------
    alignment : TiltAlignment
    method : {"beads", "patches", "coarse"}
        What was followed in the end.
    axis_deg : float
        Angle of the tilt axis, counterclockwise from +y.
    residual_px : float or None
        Root mean square distance between seen places of beads or patches and where this alignment
        expects them, unbinned.
    residuals_px : tuple of float or None
        The same of each tilt.
    beads : tuple of dict
        x, y, z in unbinned pixels from the centre of the specimen, residual_px, n_seen.
    rejected : tuple of dict
        tilt, bead, off_px of observations that tracking did not believe.
    flagged : dict of int to str
        Tilts that deserve a look, or are left out, and why.
    messages : tuple of str
        What a person should know.
    facts : dict
        Further JSON values: binning, number of hot pixels, bead diameter; where tilts were to be
        laid upon projections, ``polishing`` tells what that did, and ``tracking`` the residuals
        of the solution before; ``refined`` tells what beads confirm of the tilts' angles,
        magnifications and rotations.
    """

    alignment: TiltAlignment
    method: str
    axis_deg: float
    residual_px: float | None
    residuals_px: tuple[float | None, ...]
    beads: tuple[dict[str, float], ...] = ()
    rejected: tuple[dict[str, float], ...] = ()
    flagged: dict[int, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    facts: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report without the alignment itself, as JSON values."""
        return {
            "method": self.method,
            "axis_deg": round(self.axis_deg, 3),
            "residual_px": self.residual_px,
            "residuals_px": list(self.residuals_px),
            "beads": list(self.beads),
            "rejected": list(self.rejected),
            "flagged": {str(tilt): why for tilt, why in self.flagged.items()},
            "messages": list(self.messages),
            **self.facts,
        }


def polishing_facts(told: Polishing | None, binning: int) -> dict[str, object]:
    """What polishing did, and the residuals of the tracking before it, unbinned."""
    if told is None:
        return {}
    tracking = {
        "residual_px": rounded(told.tracked.residual_px * binning),
        "residuals_px": per_tilt(told.tracked, binning, {}),
    }
    return {"tracking": tracking, "polishing": told.as_json(binning)}


def refining_facts(told: Refined | None, binning: int) -> dict[str, object]:
    """What was refined of the tilts, unbinned; nothing where beads confirm nothing."""
    return {"refined": told.as_json(binning)} if told and told.freedoms else {}


def per_tilt(bundle: Bundle, binning: int, flagged: dict[int, str]) -> list[float | None]:
    """Residual of each tilt, unbinned; what is odd is flagged."""
    squares = np.where(bundle.kept, np.nan_to_num(bundle.residuals) ** 2, 0).sum(1)
    counts = bundle.kept.sum(1)
    each = np.sqrt(squares / np.maximum(counts, 1)) * binning
    usual = float(np.median(each[counts > 0])) if (counts > 0).any() else 0.0
    for i in np.flatnonzero(counts > 0):
        if each[i] > _ODD * usual and int(i) not in flagged:
            flagged[int(i)] = f"its residual is {each[i]:.1f} pixels"
    return [rounded(float(r)) if c else None for r, c in zip(each, counts, strict=True)]


def bead_list(bundle: Bundle, binning: int) -> tuple[dict[str, float], ...]:
    """Place, residual and number of sightings of each bead, unbinned."""
    beads = []
    for j, (x, y, z) in enumerate(bundle.points * binning):
        off = bundle.residuals[bundle.kept[:, j], j] * binning
        beads.append(
            {
                "x": rounded(x),
                "y": rounded(y),
                "z": rounded(z),
                "residual_px": rounded(float(np.sqrt(np.mean(off**2))) if off.size else 0.0),
                "n_seen": int(bundle.kept[:, j].sum()),
            }
        )
    return tuple(beads)


def rejected_list(seen: Seen, bundle: Bundle, binning: int) -> tuple[dict[str, float], ...]:
    """Observations that tracking did not believe, and how far off they are, unbinned."""
    tilts, beads = np.nonzero(seen.seen & ~bundle.kept)
    off = bundle.residuals[tilts, beads] * binning
    found = zip(tilts, beads, off, strict=True)
    return tuple({"tilt": int(t), "bead": int(b), "off_px": rounded(r)} for t, b, r in found)


def rounded(value: float) -> float:
    """To a thousandth."""
    return round(float(value), 3)
