"""Volumes and areas of regions whose grid is not in millimetres (VIEW-x09, ROI-39)."""

from __future__ import annotations

from typing import Any

from appliance.geometry import Volume

__all__ = ["agreement_in_mm", "in_mm", "length_unit", "measures_in_mm"]

_MM = {"mm": 1.0, "angstrom": 1e-7, "detector": 1.0}
_AREAS = ("area_cm2", "area_max_cm2")
_LENGTHS = ("mean_surface_mm", "hausdorff_mm", "hausdorff95_mm")


def length_unit(*volumes: Volume) -> str:
    """Give what a length is in the first image that says so: ``mm`` where none does.

    Returns
    -------
    str
        ``mm``, ``angstrom``, ``detector`` (mm where the beam met it: there is no depth) or
        ``pixel`` (nobody knows the size of one).
    """
    told = (volume.header.get("length_unit") for volume in volumes)
    return next((unit for unit in told if unit), "mm")


def in_mm(value: float | None, unit: str, power: int) -> float | None:
    """Bring a length, an area (power 2) or a volume (3) of a grid to mm; None where nobody can."""
    known = _MM.get(unit)
    if value is None or known is None or (power == 3 and unit == "detector"):
        return None
    return value if known == 1 else value * float(known**power)


def measures_in_mm(measures: dict[str, Any], unit: str) -> dict[str, Any]:
    """Bring the sizes among `imaging.RoiMeasures` to mL, cm² and mm², and name the unit."""
    areas = measures["areas_cm2"].items()
    return {
        **measures,
        "length_unit": unit,
        "volume_ml": in_mm(measures["volume_ml"], unit, 3),
        **{name: in_mm(measures[name], unit, 2) for name in _AREAS},
        "areas_cm2": {at: area for at, one in areas if (area := in_mm(one, unit, 2)) is not None},
        # A surface has a depth, as a volume has: a projection does not tell it.
        "surface_mm2": None if unit == "detector" else in_mm(measures["surface_mm2"], unit, 2),
    }


def agreement_in_mm(agreement: dict[str, Any], unit: str) -> dict[str, Any]:
    """Bring the volumes and distances of an `imaging.Agreement` to mL and mm, and name the unit."""
    return {
        **agreement,
        "length_unit": unit,
        **{name: in_mm(agreement[name], unit, 3) for name in ("volume_a_ml", "volume_b_ml")},
        **{name: in_mm(agreement[name], unit, 1) for name in _LENGTHS},
    }
