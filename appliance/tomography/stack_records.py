"""What a run over stacks of sections is told, and what it says of their alignment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core import atomic_write
from appliance.tomography.records import TiltAlignment
from appliance.tomography.serial import Drift, SerialAlignment
from appliance.tomography.tilt_files import write_xf

__all__ = ["StackOrders", "Voxel", "alignment_report", "voxel_of", "write_alignment"]


@dataclass(frozen=True, slots=True)
class StackOrders:
    """What holds for all stacks of a run.

    Attributes
    ----------
    output, work : Path
        Below these each stack has a folder of its name.
    tilt_deg : float
        Angle by which the surface is tilted away from the beam.
    binning : int
    pixel_nm, section_nm : float
        Of the camera, and from section to section; 0: as the files tell, and as the pixel.
    drift : {"keep", "remove"}
        What becomes of shifts that go on over many sections.
    sharded : bool
        Whether the pyramid has few large files in place of many small ones.
    """

    output: Path
    work: Path
    tilt_deg: float = 0.0
    binning: int = 1
    pixel_nm: float = 0.0
    section_nm: float = 0.0
    drift: Drift = "keep"
    sharded: bool = False


@dataclass(frozen=True, slots=True)
class Voxel:
    """Edges of a voxel of the result.

    Attributes
    ----------
    camera_nm : float
        Edge of a pixel before binning; 0 when unknown.
    pixel_nm, section_nm : float
        Along rows and columns, and from section to section; of pixels of 1 nm when unknown.
    """

    camera_nm: float
    pixel_nm: float
    section_nm: float

    @property
    def is_known(self) -> bool:
        """Whether these are lengths of the specimen."""
        return self.camera_nm > 0


def voxel_of(told_nm: float, orders: StackOrders) -> tuple[Voxel, list[str]]:
    """Choose the edges of a voxel, and say what is not known of them.

    Parameters
    ----------
    told_nm : float
        Edge of a pixel as the files tell it; 0 when they do not.
    orders : StackOrders
    """
    camera = orders.pixel_nm or told_nm
    if not camera:
        said = ["the pixel size is unknown: lengths are those of pixels of 1 nm"]
        if orders.section_nm:
            said.append("the distance of sections means nothing without it and is not used")
        return Voxel(0.0, float(orders.binning), 1.0), said
    said = [] if orders.section_nm else ["sections are taken to lie one pixel apart"]
    return Voxel(camera, camera * orders.binning, orders.section_nm or camera), said


def alignment_report(aligned: SerialAlignment) -> dict[str, Any]:
    """Give what a report says of an alignment; sections count from 0."""
    moved = np.hypot(*aligned.shifts.T)
    return {
        "shifts_px": np.round(aligned.shifts, 3).tolist(),
        "largest_shift_px": round(float(moved.max(initial=0.0)), 3),
        "median_shift_px": round(float(np.median(moved)), 3),
        "peaks": np.round(aligned.peaks, 2).tolist(),
        "flagged": {str(i): why for i, why in aligned.flaws.items()},
    }


def write_alignment(folder: Path, aligned: SerialAlignment, stretch: float) -> None:
    """Write ``align.xf``, ``align.xg`` and ``stretch.xf`` in IMOD's form.

    Parameters
    ----------
    folder : Path
    aligned : SerialAlignment
    stretch : float
        Along y, after the shift.
    """
    n = len(aligned.shifts)
    whole = np.broadcast_to(np.eye(2), (n, 2, 2))
    used = np.array([i not in aligned.flaws for i in range(n)])
    for name, shifts in (("align.xf", aligned.onto_previous), ("align.xg", aligned.shifts)):
        write_xf(folder / name, TiltAlignment(whole, shifts, np.zeros(n), used))
    with atomic_write(folder / "stretch.xf") as stream:
        stream.write(f"1 0 0 {stretch:.7f} 0 0\n".encode())
