"""DICOM RT structure sets: contours read as regions on the grid of an image.

The places are those of the patient coordinate system; `rtstruct_planes` has the rule by which
contours become voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats.dicom_open import open_dicom
from appliance.formats.dicom_regions import Region, RegionsRead, roi_form
from appliance.formats.roi_files import Label
from appliance.formats.rtstruct_planes import fill_contours
from appliance.geometry import Grid

__all__ = ["read_structures"]

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MAX_LABEL = 65535
_MOST_SLICES = 3.5  # between two contours of one region
_SAME = 1e-3
_GRAY = "#ff0000"


@dataclass(frozen=True, eq=False)
class _Structure:
    """One ROI of a structure set; contours (N, 3) in world RAS+ mm."""

    label: Label
    contours: list[NDArray[np.float64]]
    slab_mm: float
    n_other: int


def read_structures(path: Path, grid: Grid) -> RegionsRead:
    """Read the regions of a structure set onto the grid of the image it was drawn on.

    Parameters
    ----------
    grid : Grid
        Of the image, in the same frame of reference.

    Returns
    -------
    RegionsRead
        Regions may overlap; empty ones are kept.

    Raises
    ------
    FormatError
        If it is none or is damaged.

    Notes
    -----
    A contour stands for one slice, for the thickness that the object tells, or, where the contours
    of the whole set lie on every second or third slice, for the slices half way to the next.
    """
    if roi_form(path) != "rtstruct":
        raise FormatError(f"{path.name} is no DICOM structure set")
    try:
        structures = _structures(open_dicom(path))
    except (AttributeError, KeyError, ValueError, IndexError, TypeError) as error:
        raise FormatError(f"{path.name} is a damaged structure set") from error
    spacing = _spacing(structures, grid)
    regions, notes, exact = [], [], True
    for one in structures:
        slab = one.slab_mm or spacing * _step_mm(one, grid)
        filled = fill_contours(grid, one.contours, slab)
        exact &= filled.is_exact
        regions.append(Region.of(one.label, filled.mask))
        notes += _notes(one, filled.n_askew, bool(filled.mask.any()))
    if spacing > 1 + _SAME:
        notes.append(f"contours lie {spacing:.3g} slices apart; each stands for those around it")
    if not exact:
        notes.append("contours lie between the slices of the image; the nearest slices were taken")
    return RegionsRead(grid, regions, exact, notes)


def _structures(ds: Any) -> list[_Structure]:
    named = {int(item.ROINumber): str(item.get("ROIName") or "") for item in _rois(ds)}
    drawn = {int(item.ReferencedROINumber): item for item in ds.get("ROIContourSequence") or ()}
    plain = all(0 < number <= _MAX_LABEL for number in named) and len(named) == len(_rois(ds))
    return [
        _structure(number if plain else at, name or f"region {number}", drawn.get(number))
        for at, (number, name) in enumerate(named.items(), 1)
    ]


def _rois(ds: Any) -> Sequence[Any]:
    return list(ds.get("StructureSetROISequence") or ())


def _structure(value: int, name: str, drawn: Any) -> _Structure:
    contours, slabs, n_other = [], [], 0
    for item in (drawn.get("ContourSequence") if drawn is not None else None) or ():
        points = np.array([float(x) for x in item.get("ContourData") or ()]).reshape(-1, 3)
        if not np.isfinite(points).all():
            raise ValueError("a point is nowhere")
        if str(item.get("ContourGeometricType", "")) in _CLOSED and len(points) >= 3:
            contours.append(points * [-1, -1, 1])
            slabs.append(float(item.get("ContourSlabThickness") or 0))
        else:
            n_other += 1
    color = drawn.get("ROIDisplayColor") if drawn is not None else None
    return _Structure(Label(value, name, _hex(color)), contours, max(slabs, default=0.0), n_other)


def _hex(color: Any) -> str:
    try:
        red, green, blue = (min(255, max(0, int(part))) for part in color)
    except (TypeError, ValueError):
        return _GRAY
    return f"#{red:02x}{green:02x}{blue:02x}"


def _spacing(structures: Sequence[_Structure], grid: Grid) -> float:
    """Give the slices from contour to contour of the set where that is 2 or 3; else 1."""
    gaps = [gap for one in structures for gap in _gaps(one, grid)]
    least = min(gaps, default=1.0)
    return least if 1 < least <= _MOST_SLICES else 1.0


def _gaps(one: _Structure, grid: Grid) -> list[float]:
    """Give the distances of neighbouring contours of a region along the slices, in slices."""
    voxels = [grid.to_voxel(points) for points in one.contours]
    axis = _axis(voxels)
    if axis is None:
        return []
    heights = np.unique(np.round([float(points[:, axis].mean()) for points in voxels], 1))
    return [float(gap) for gap in np.diff(heights)]


def _axis(voxels: Sequence[NDArray[np.float64]]) -> int | None:
    for axis in (2, 1, 0):
        if voxels and all(np.ptp(points[:, axis]) <= 0.1 for points in voxels):
            return axis
    return None


def _step_mm(one: _Structure, grid: Grid) -> float:
    """Give the distance of slices in mm along the contours of a region."""
    axis = _axis([grid.to_voxel(points) for points in one.contours])
    if axis is None:
        return min(grid.voxel_mm)
    return float(1 / np.linalg.norm(np.linalg.inv(grid.affine[:3, :3])[axis]))


def _notes(one: _Structure, n_askew: int, has_voxels: bool) -> list[str]:
    name, found = repr(one.label.name), []
    if one.n_other:
        found.append(f"{name}: {one.n_other} points or open lines are no region and were left out")
    if n_askew:
        found.append(f"{name}: {n_askew} contours lie askew to the others and were left out")
    if one.contours and not has_voxels:
        found.append(f"{name}: its contours hold no voxel of the image")
    return found
