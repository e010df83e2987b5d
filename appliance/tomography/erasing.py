"""Painting over gold beads in the tilts, so that they leave no streaks in the tomogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid

__all__ = ["Beads", "bead_places", "erase_discs", "erased"]

F64 = NDArray[np.float64]
_RIM = 1.3  # the disc is so much wider than the bead: its edge is blurred
_RING = 1.8  # the ring around it ends here
_LEAST = 8  # pixels of the ring that are needed


@dataclass(frozen=True, slots=True)
class Beads:
    """Gold beads in the specimen.

    Attributes
    ----------
    places : array (n, 3)
        Centres (x, y, z) in unbinned pixels from the centre of the aligned specimen.
    diameter_px : float
        In unbinned pixels.
    """

    places: F64
    diameter_px: float

    def __post_init__(self) -> None:
        if np.ndim(self.places) != 2 or np.shape(self.places)[1] != 3:
            raise Invalid("beads are given as rows of x, y and z")
        if not self.diameter_px > 0:
            raise Invalid("the diameter of the beads is above 0")


def bead_places(places: F64, matrix: F64, shift: F64, angle_deg: float) -> F64:
    """Tell where beads are seen in a section as the microscope wrote it.

    Parameters
    ----------
    places : array (n, 3)
        (x, y, z) in the specimen, in unbinned pixels from its centre.
    matrix, shift : arrays (2, 2), (2,)
        Alignment of the section, see `TiltAlignment`.
    angle_deg : float

    Returns
    -------
    array (n, 2)
        (x, y) in unbinned pixels from the centre of the section.
    """
    t = np.deg2rad(angle_deg)
    aligned = np.column_stack([places[:, 0] * np.cos(t) + places[:, 2] * np.sin(t), places[:, 1]])
    raw: F64 = (aligned - shift) @ np.linalg.inv(matrix).T
    return raw


def erased(
    section: NDArray[np.generic], beads: Beads, matrix: F64, shift: F64, angle_deg: float
) -> NDArray[np.generic]:
    """Give a copy of a section in which beads are painted over."""
    centres = bead_places(np.asarray(beads.places, float), matrix, shift, angle_deg)
    centres += (np.array(section.shape[::-1]) - 1) / 2
    return erase_discs(section, centres, beads.diameter_px)


def erase_discs(
    section: NDArray[np.generic], centres: F64, diameter_px: float
) -> NDArray[np.generic]:
    """Replace discs by a plane through their surroundings, with the noise of these.

    Parameters
    ----------
    section : array (ny, nx)
    centres : array (n, 2)
        (x, y) in pixels from the first pixel. Those outside are passed over.
    diameter_px : float

    Returns
    -------
    array (ny, nx)
        float32; the section itself is not changed.
    """
    out = np.array(section, np.float32)
    covered = np.zeros(out.shape, bool)
    radius = diameter_px / 2 * _RIM + 0.5
    discs = [_window(out.shape, centre, radius * _RING) for centre in centres]
    for window, distance in discs:
        covered[window] |= distance <= radius
    noise = np.random.default_rng(0)
    for window, distance in discs:
        disc = distance <= radius
        if disc.any():
            _repaint(out[window], disc, ~covered[window] & (distance <= radius * _RING), noise)
    return out


def _window(shape: tuple[int, ...], centre: F64, reach: float) -> tuple[tuple[slice, slice], F64]:
    """Part of an image around a place, and the distance of its pixels from it."""
    x, y = (float(value) for value in centre)
    if not (np.isfinite(x) and np.isfinite(y)):
        x = y = -10 * reach - 10
    rows = slice(max(0, int(y - reach)), max(0, min(shape[0], int(y + reach) + 2)))
    columns = slice(max(0, int(x - reach)), max(0, min(shape[1], int(x + reach) + 2)))
    down = np.arange(rows.start, rows.stop)[:, None] - y
    across = np.arange(columns.start, columns.stop)[None] - x
    return (rows, columns), np.hypot(down, across)


def _repaint(
    part: NDArray[np.float32],
    disc: NDArray[np.bool_],
    ring: NDArray[np.bool_],
    noise: np.random.Generator,
) -> None:
    ring &= np.isfinite(part)
    if ring.sum() < _LEAST:
        return
    y, x = np.indices(part.shape, np.float64)
    design = np.stack([np.ones_like(x), x, y], axis=-1)
    values = part[ring].astype(np.float64)
    plane, *_ = np.linalg.lstsq(design[ring], values, rcond=None)
    left = values - design[ring] @ plane
    # What lies around is drawn again at random: white noise of its spread, no more structure.
    part[disc] = design[disc] @ plane + noise.choice(left, int(disc.sum()))
