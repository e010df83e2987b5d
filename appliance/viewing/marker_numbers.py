"""Numbers of markers: places and axes of points, lengths, angles, diameters, areas, contacts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid

__all__ = ["CONTACTS", "marker_statistics"]

Points = NDArray[np.float64]
CONTACTS: dict[str, tuple[float, ...]] = {
    "Medtronic3387": (2.25, 5.25, 8.25, 11.25),
    "Medtronic3389": (2.25, 4.25, 6.25, 8.25),
    "BostonCartesia": (0.7, 2.7, 4.7, 6.7),
    "BostonOctopolar": tuple(2.25 + 2 * i for i in range(8)),
    "BostonOctopolarDir": tuple(2.25 + 2 * i for i in range(8)),
    "Atech15": tuple(1 + 4.5 * i for i in range(15)),
    "Dixi15": tuple(1 + 3.5 * i for i in range(15)),
}
"""Middles of the contacts of a lead, in mm from its tip."""


def marker_statistics(marker_set: dict[str, Any]) -> dict[str, Any]:
    """Measure one set of markers by its type.

    Parameters
    ----------
    marker_set : dict
        As `formats.check_sets` gives it.

    Returns
    -------
    dict
        ``name``, ``type``, ``n_points``, and what its type has: lengths in mm, angles in degrees
        (180 is straight), areas in cm², volumes in mL.

    Raises
    ------
    Invalid
        If a size or a direction is none.
    """
    points = [point for point in marker_set["points"] if "coords" in point]
    places = np.array([point["coords"][:3] for point in points], float).reshape(-1, 3)
    measure = _BY_TYPE.get(marker_set["type"], _pointset)
    head = {"name": marker_set["name"], "type": marker_set["type"]}
    try:
        found = measure(marker_set, places)
    except (TypeError, ValueError) as error:
        raise Invalid(f"{marker_set['name']!r} has a size or a direction that is none") from error
    return {**head, "n_points": len(marker_set["points"]), **found}


def _pointset(_: dict[str, Any], places: Points) -> dict[str, Any]:
    if not len(places):
        return {}
    found: dict[str, Any] = {
        "mean_mm": places.mean(axis=0).tolist(),
        "std_mm": places.std(axis=0).tolist(),
    }
    if len(places) >= 3:
        spread, axes = np.linalg.eigh(np.cov(places.T, bias=True))
        found["axes"] = [
            {"length_mm": float(np.sqrt(max(0.0, spread[a]))), "direction": axes[:, a].tolist()}
            for a in (2, 1, 0)
        ]
    return found


def _freeline(marker_set: dict[str, Any], places: Points) -> dict[str, Any]:
    if marker_set.get("closed") and len(places) > 2:
        places = np.concatenate([places, places[:1]])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    return {
        "length_mm": float(steps.sum()),
        "segments_mm": steps.tolist(),
        "angles_deg": [_angle(*places[n - 1 : n + 2]) for n in range(1, len(places) - 1)],
    }


def _correspondence(marker_set: dict[str, Any], places: Points) -> dict[str, Any]:
    if len(places) != 2:
        return {}
    ends = {point.get("name"): n for n, point in enumerate(marker_set["points"])}
    source, target = ends.get("source", 0), ends.get("target", 1)
    shift = places[target] - places[source]
    return {"shift_mm": shift.tolist(), "length_mm": float(np.linalg.norm(shift))}


def _scribble(marker_set: dict[str, Any], _: Points) -> dict[str, Any]:
    outlines = []
    for point in marker_set["points"]:
        line = np.array([one[:3] for one in point.get("subpoints", [])], float).reshape(-1, 3)
        steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
        back = float(np.linalg.norm(line[0] - line[-1])) if len(line) else 0.0
        outlines.append(
            {
                "name": point.get("name", ""),
                "length_mm": float(steps.sum()),
                "circumference_mm": float(steps.sum()) + back,
                "area_cm2": _area_mm2(line) / 100,
            }
        )
    return {"outlines": outlines}


def _boxes(marker_set: dict[str, Any], _: Points) -> dict[str, Any]:
    sizes = [_size3(point.get("size", 0)) for point in marker_set["points"]]
    return {
        "boxes": [
            {
                "name": point.get("name", ""),
                "size_mm": size,
                "volume_ml": float(np.prod(size)) / 1e3,
            }
            for point, size in zip(marker_set["points"], sizes, strict=True)
        ]
    }


def _ruler(marker_set: dict[str, Any], places: Points) -> dict[str, Any]:
    if len(places) >= 2:
        return {"length_mm": float(np.linalg.norm(places[1] - places[0]))}
    found = [point["dir"] for point in marker_set["points"] if point.get("dir")]
    direction = np.array(found[0] if found else [], float)
    return {"length_mm": float(np.linalg.norm(direction))}


def _diameters(_: dict[str, Any], places: Points) -> dict[str, Any]:
    if len(places) != 4:
        return {}
    first, second = places[1] - places[0], places[3] - places[2]
    d1, d2 = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    return {
        "d1_mm": d1,
        "d2_mm": d2,
        "circumference_mm": _ellipse(d1 / 2, d2 / 2),
        "area_cm2": float(np.pi * d1 * d2 / 4 / 100),
        "angle_deg": _between(first, second),
    }


def _surface(_: dict[str, Any], places: Points) -> dict[str, Any]:
    return {"area_cm2": _area_mm2(places) / 100}


def _circles(marker_set: dict[str, Any], _: Points) -> dict[str, Any]:
    radii = [max(_size3(point.get("size", 0))) for point in marker_set["points"]]
    return {"volumes_ml": [4 / 3 * np.pi * r**3 / 1000 for r in radii]}


def _electrode(marker_set: dict[str, Any], places: Points) -> dict[str, Any]:
    named = {point.get("name"): n for n, point in enumerate(marker_set["points"])}
    tip, end = named.get("tip", 0), named.get("end", 1)
    if max(tip, end) >= len(places):
        return {}
    axis = places[end] - places[tip]
    length = float(np.linalg.norm(axis))
    if length == 0:
        return {"length_mm": 0.0}
    unit = axis / length
    model = str(marker_set.get("elecmodel", ""))
    offsets = CONTACTS.get(model.partition(" ")[0], ())
    if model == "dist1mm":
        offsets = tuple(0.5 + i for i in range(int(length)))
    return {
        "length_mm": length,
        "direction": unit.tolist(),
        "contacts": [(places[tip] + unit * offset).tolist() for offset in offsets],
    }


def _angle(before: Points, at: Points, after: Points) -> float:
    return _between(before - at, after - at)


def _between(one: Points, other: Points) -> float:
    product = np.linalg.norm(np.cross(one, other)), np.dot(one, other)
    return float(np.degrees(np.arctan2(*product)))


def _area_mm2(outline: Points) -> float:
    """Area of a polygon in space, as the length of its vector area."""
    if len(outline) < 3:
        return 0.0
    spokes = outline - outline[0]
    return float(np.linalg.norm(np.cross(spokes[1:-1], spokes[2:]).sum(axis=0)) / 2)


def _ellipse(a: float, b: float) -> float:
    """Circumference by Ramanujan's second approximation."""
    if a + b == 0:
        return 0.0
    h = ((a - b) / (a + b)) ** 2
    return float(np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))))


def _size3(size: float | Sequence[float]) -> list[float]:
    parts = [float(size)] * 3 if isinstance(size, int | float) else [float(x) for x in size]
    return [*parts, 0.0, 0.0, 0.0][:3]


_BY_TYPE: dict[str, Callable[[dict[str, Any], Points], dict[str, Any]]] = {
    "2diameter": _diameters,
    "3druler": _ruler,
    "boxes": _boxes,
    "circles": _circles,
    "correspondence": _correspondence,
    "electrode": _electrode,
    "freeline": _freeline,
    "pointset": _pointset,
    "ruler": _ruler,
    "scribble": _scribble,
    "surface": _surface,
}
