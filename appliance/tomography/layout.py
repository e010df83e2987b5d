"""Where the rows of every tilt lie in memory, and which of them a row of voxels is made of.

A slice across the tilt axis is summed along *stretched* rows: the row of tilt ``t`` is sampled
every ``cos t`` pixels, so that neighbouring voxels meet neighbouring samples and a whole row of
voxels is a sum of shifted rows. What is left of the shift is a fraction of a sample; each row is
kept at `PHASES` fractions, so that the sum needs no interpolation at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid

__all__ = ["PHASES", "STEEPEST_DEG", "Layout", "layout"]

PHASES = 8
GROUP = 8  # rows that one pass over the voxels adds
STEEPEST_DEG = 85.0
_TAP_ROOM = 2  # samples that the interpolation needs beyond either end


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of all tilts side by side, and the start of each within.

    Attributes
    ----------
    nx, nz : int
        Width and thickness of the slice in voxels.
    cosines : array (n_tilts,) of float64
    margins : array (n_tilts,) of int64
        Sample of a row that lies under voxel 0 of a row at z = 0.
    starts : array (n_tilts + 1,) of int64
        First sample of each row; the last one is where the rows end.
    at : array (nz, n) of int64
        Place, within the rows at all their fractions, of the sample that voxel 0 of row z meets.
        `n` is the number of tilts rounded up to whole groups; the rest meets zeros.
    """

    nx: int
    nz: int
    cosines: NDArray[np.float64]
    margins: NDArray[np.int64]
    starts: NDArray[np.int64]
    at: NDArray[np.int64]

    @property
    def n_tilts(self) -> int:
        """How many tilts there are."""
        return len(self.cosines)

    @property
    def n_samples(self) -> int:
        """Length of the rows of all tilts together."""
        return int(self.starts[-1])

    def width(self, tilt: int) -> int:
        """Length of the row of one tilt."""
        return int(self.starts[tilt + 1] - self.starts[tilt])

    def first(self, tilt: int) -> float:
        """Stretched coordinate of the first sample, in voxels from the centre."""
        return -float(self.margins[tilt]) - (self.nx - 1) / 2


def layout(angles_deg: NDArray[np.float64], nx: int, nz: int, *, z_shift: float = 0.0) -> Layout:
    """Lay out the rows for a slice.

    Parameters
    ----------
    angles_deg : array (n_tilts,)
        Tilt angles that are used.
    nx, nz : int
        Width and thickness in voxels.
    z_shift : float
        Height of the middle of the slice above the tilt axis, in voxels.

    Raises
    ------
    Invalid
        If there is no tilt, no voxel, or a tilt so steep that its rows have no end.
    """
    if min(nx, nz, len(angles_deg)) < 1:
        raise Invalid("there is nothing to reconstruct", hint="Use at least one tilt and voxel.")
    if not np.isfinite(angles_deg).all() or np.abs(angles_deg).max() > STEEPEST_DEG:
        raise Invalid(
            f"a tilt is steeper than {STEEPEST_DEG:g} degrees, or its angle is not known",
            hint="Leave this tilt out, or mend its angle.",
        )
    tilts = np.deg2rad(np.asarray(angles_deg, np.float64))
    heights = np.arange(nz) - (nz - 1) / 2 + z_shift
    shifts = heights[:, None] * np.tan(tilts)  # (nz, n_tilts)
    margins = np.ceil(np.maximum(-shifts.min(0), 0)).astype(np.int64) + _TAP_ROOM
    beyond = np.ceil(np.maximum(shifts.max(0), 0)).astype(np.int64) + _TAP_ROOM + 1
    widths = nx + margins + beyond
    starts = np.concatenate([[0], np.cumsum(widths)])
    fine = np.rint((shifts + margins) * PHASES).astype(np.int64)
    at = starts[:-1] * PHASES + fine % PHASES * widths + fine // PHASES
    spare = -len(tilts) % GROUP
    zeros = np.full((nz, spare), starts[-1] * PHASES, np.int64)
    return Layout(nx, nz, np.cos(tilts), margins, starts, np.hstack([at, zeros]))
