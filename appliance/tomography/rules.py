"""What a reconstruction is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.tomography.records import TiltAlignment

__all__ = ["ReconstructRules", "angle_weights", "n_workers"]

Method = Literal["wbp", "sirt-like", "sirt"]
Window = Literal["gaussian", "hamming", "none"]
_METHODS = ("wbp", "sirt-like", "sirt")
_FREE_SHARE = 4  # one part in four of the memory that is free may hold the rows


@dataclass(frozen=True, slots=True)
class ReconstructRules:
    """How a tomogram is made.

    Attributes
    ----------
    thickness_px : int
        Height of the tomogram in unbinned pixels.
    binning : int
        Pixels of the tilt that become one voxel, along each side.
    method : {"wbp", "sirt-like", "sirt"}
        Weighted back projection; the same with the filter of so many rounds of SIRT; or SIRT.
    iterations : int
        Rounds of SIRT, real or alike.
    window : {"gaussian", "hamming", "none"}
        How the ramp filter ends.
    cutoff, falloff : float
        Where it ends and, for the Gaussian, its sigma; cycles per binned pixel.
    logarithm : bool
        Whether intensities are turned into densities: their logarithm is reconstructed.
    positive : bool
        SIRT only, with `logarithm`: no voxel is less dense than what lets the beam through best.
    relaxation : float
        Step of SIRT, above 0 and below 2.
    z_shift_px : float
        Height of the tomogram's middle above the tilt axis, in unbinned pixels.
    tilt_offset_deg : float
        Added to all tilt angles, to lay a slanted specimen flat.
    dtype : {"int16", "float32"}
        Type of the tomogram. int16 is scaled so that the spread of values fits.
    workers : int
        Threads; 0 takes what the process may use.
    memory_mb : int
        Memory for the prepared tilts; beyond it they lie in a file. 0 takes a part of what is free.
    """

    thickness_px: int = 256
    binning: int = 4
    method: Method = "wbp"
    iterations: int = 10
    window: Window = "gaussian"
    cutoff: float = 0.35
    falloff: float = 0.035
    logarithm: bool = False
    positive: bool = False
    relaxation: float = 1.0
    z_shift_px: float = 0.0
    tilt_offset_deg: float = 0.0
    dtype: Literal["int16", "float32"] = "int16"
    workers: int = 0
    memory_mb: int = 0

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise Invalid(f"no method is called {self.method!r}", hint=f"One of {_METHODS}.")
        if self.thickness_px < 1 or self.binning < 1 or self.iterations < 1:
            raise Invalid("thickness, binning and iterations are whole numbers from 1")
        if not 0 < self.relaxation < 2:
            raise Invalid("the relaxation of SIRT lies between 0 and 2")
        if self.positive and not (self.logarithm and self.method == "sirt"):
            raise Invalid(
                "positive densities need the logarithm and the method sirt",
                hint="Only then is it known which voxels are empty.",
            )
        if self.dtype not in ("int16", "float32"):
            raise Invalid(f"a tomogram of {self.dtype} is not written")

    @property
    def thickness(self) -> int:
        """Height of the tomogram in voxels."""
        return max(1, round(self.thickness_px / self.binning))

    def angles(self, alignment: TiltAlignment) -> NDArray[np.float64]:
        """Angles of the tilts that are used."""
        angles = np.asarray(alignment.angles_deg, np.float64)[np.asarray(alignment.used, bool)]
        shifted: NDArray[np.float64] = angles + self.tilt_offset_deg
        return shifted

    def memory_bytes(self) -> int:
        """How much memory the prepared tilts may take."""
        if self.memory_mb:
            return self.memory_mb << 20
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return int(free) // _FREE_SHARE


def angle_weights(angles_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the half circle that each tilt stands for, in radians.

    Half of the way to either neighbour; the outermost tilts as if they had one more at the same
    distance. No tilt counts more than three usual ones, so that a gap does not make its
    neighbours' noise dominate.
    """
    n = len(angles_deg)
    if n < 2:
        return np.full(n, np.pi)
    order = np.argsort(angles_deg, kind="stable")
    gaps = np.diff(np.deg2rad(angles_deg[order]))
    sides = np.concatenate([gaps[:1], gaps, gaps[-1:]])
    shares = (sides[:-1] + sides[1:]) / 2
    positive = shares[shares > 0]
    if not positive.size:
        return np.full(n, np.pi / n)
    weights = np.empty(n)
    weights[order] = np.minimum(shares, 3 * np.median(positive))
    return weights


def n_workers(wanted: int) -> int:
    """Threads to use: what was asked for, or what the process may use."""
    return wanted if wanted > 0 else max(1, len(os.sched_getaffinity(0)))
