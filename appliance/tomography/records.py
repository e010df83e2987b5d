"""What the steps of the tomography workflow hand to each other: immutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["TiltAlignment", "TiltSeries"]


@dataclass(frozen=True, slots=True)
class TiltSeries:
    """Projections of one specimen at several tilts, as the microscope wrote them.

    Attributes
    ----------
    path : Path
        The stack that was read; it is never changed.
    images : array (n_tilts, ny, nx)
        Sections in the order of the file, memory-mapped where the file allows it.
    angles_deg : array (n_tilts,) of float64
        Nominal tilt angle of each section.
    pixel_nm : float
        Edge length of one pixel of the stack.
    axis_deg : float
        Nominal angle of the tilt axis in the image, counterclockwise from +y; 0 when unknown.
    exposure : array (n_tilts,) of float64 or None
        Dose of each section in electrons per square Ångström, where an .mdoc names it.
    facts : dict
        What the headers said beyond that (titles, mode, .mdoc entries), as JSON values.
    """

    path: Path
    images: NDArray[np.generic]
    angles_deg: NDArray[np.float64]
    pixel_nm: float
    axis_deg: float = 0.0
    exposure: NDArray[np.float64] | None = None
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TiltAlignment:
    """How each section is brought onto the common, vertical tilt axis (IMOD's .xf and .tlt).

    A point ``x`` of section ``i``, in unbinned pixels from the centre of the image (the middle of
    ``nx`` by ``ny``, pixel centres at half-integer distances when these are even), is found in the
    aligned image at ``matrices[i] @ x + shifts[i]``. In the aligned image the tilt axis runs along
    +y through the centre. At tilt ``t`` the specimen point (x, y, z), z towards the beam's source,
    is seen at ``(x cos t + z sin t, y)``.

    Attributes
    ----------
    matrices : array (n_tilts, 2, 2) of float64
    shifts : array (n_tilts, 2) of float64
        In unbinned pixels, (x, y).
    angles_deg : array (n_tilts,) of float64
        Refined tilt angles.
    used : array (n_tilts,) of bool
        False for tilts that are left out of the reconstruction.
    """

    matrices: NDArray[np.float64]
    shifts: NDArray[np.float64]
    angles_deg: NDArray[np.float64]
    used: NDArray[np.bool_]
