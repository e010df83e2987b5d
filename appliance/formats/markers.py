"""Markers and annotations: NORA's ``.ano.json``, and Slicer's ``.fcsv`` and ``.mrk.json`` as such.

A set is a dictionary as NORA writes it; keys that are not known are kept. Coordinates are world
RAS+ millimetres, ``[x, y, z, 1]``; Slicer's files may be in LPS+ and are turned.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from appliance.core import FormatError

__all__ = ["MARKER_SUFFIXES", "MarkerFile", "check_sets", "markers_json", "parse_markers"]

MARKER_SUFFIXES = (".ano.json", ".mrk.json", ".fcsv")
_MOST_POINTS = 200_000
_UNITS_MM = {"mm": 1.0, "um": 1e-3, "cm": 10.0, "m": 1000.0}
_SLICER_TYPES = {
    "Fiducial": "pointset",
    "Line": "freeline",
    "Angle": "freeline",
    "Curve": "freeline",
    "ClosedCurve": "freeline",
    "Plane": "pointset",
    "ROI": "boxes",
}
_UPRIGHT = [-1, 0, 0, 0, -1, 0, 0, 0, 1]
_OLD_COLUMNS = ["label", "x", "y", "z", "sel", "vis"]
_COLUMNS = [
    "id",
    "x",
    "y",
    "z",
    "ow",
    "ox",
    "oy",
    "oz",
    "vis",
    "sel",
    "lock",
    "label",
    "desc",
    "associatedNodeID",
]

MarkerSet = dict[str, Any]


@dataclass(frozen=True)
class MarkerFile:
    """What a file of markers holds; `notes` say what could not be taken over."""

    format: Literal["nora", "fcsv", "mrk"]
    sets: list[MarkerSet]
    notes: list[str] = field(default_factory=list)


def parse_markers(name: str, raw: bytes) -> MarkerFile:
    """Read a file of markers by its name.

    Raises
    ------
    FormatError
        If it is none, or damaged.
    """
    try:
        if name.lower().endswith(".fcsv"):
            return _fcsv(name, raw.decode("utf-8-sig"))
        told = json.loads(raw)
        if isinstance(told, dict) and isinstance(told.get("markups"), list):
            return _mrk(name, told)
        return MarkerFile("nora", check_sets(_nora_sets(told)))
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(
            f"{name} holds no markers",
            hint=f"It may be damaged, or something else ({type(error).__name__}).",
        ) from error


def check_sets(sets: Sequence[Any]) -> list[MarkerSet]:
    """Check sets of markers, and complete what NORA takes for granted; all other keys stay.

    Raises
    ------
    FormatError
        If a set has no points, or a point no place.
    """
    found = [_checked(one, at) for at, one in enumerate(sets)]
    if sum(len(one["points"]) for one in found) > _MOST_POINTS:
        raise FormatError(f"more than {_MOST_POINTS} markers")
    return found


def markers_json(sets: Sequence[MarkerSet]) -> bytes:
    """Write sets as NORA does."""
    try:
        text = json.dumps({"annotations": list(sets)}, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise FormatError(f"these markers cannot be written: {error}") from error
    return text.encode() + b"\n"


def _nora_sets(told: Any) -> list[Any]:
    if isinstance(told, dict):
        told = told.get("annotations", told.get("content"))
    if isinstance(told, dict):  # one level more, as in the state of a viewer
        told = told.get("content")
    if not isinstance(told, list):
        raise FormatError(
            "there are no annotations in it", hint='NORA writes {"annotations": [...]}.'
        )
    return told


def _checked(one: Any, at: int) -> MarkerSet:
    if not isinstance(one, dict) or not isinstance(one.get("points", []), list):
        raise FormatError(f"annotation {at + 1} is no set of points")
    points = [_point(point, at, n) for n, point in enumerate(one.get("points", []))]
    filled = {"name": f"annotation {at + 1}", "type": "pointset", **one, "points": points}
    filled["name"], filled["type"] = str(filled["name"]), str(filled["type"])
    return filled


def _point(point: Any, at: int, n: int) -> dict[str, Any]:
    where = f"point {n + 1} of annotation {at + 1}"
    if not isinstance(point, dict):
        raise FormatError(f"{where} is none")
    found = {"name": "noname", **point}
    if "coords" in point or "subpoints" not in point:
        found["coords"] = _place(point.get("coords"), where)
    if "subpoints" in point:
        found["subpoints"] = [_place(one, where) for one in point["subpoints"] or []]
    return found


def _place(coords: Any, where: str) -> list[float]:
    if not isinstance(coords, Sequence) or isinstance(coords, str) or len(coords) < 3:
        raise FormatError(f"{where} has no place", hint="Write it as [x, y, z, 1].")
    numbers = [c for c in coords[:3] if isinstance(c, int | float) and not isinstance(c, bool)]
    if len(numbers) != 3 or not all(math.isfinite(c) for c in numbers):
        raise FormatError(f"{where} has a place that is no number")
    return [*numbers, 1]


def _fcsv(name: str, text: str) -> MarkerFile:
    """Read a list of fiducials of Slicer 3 to 5."""
    flip, columns, body = False, [], []
    for line in text.splitlines():
        if not line.startswith("#"):
            body.append(line)
            continue
        key, _, value = line[1:].partition("=")
        if key.strip() == "CoordinateSystem":
            flip = value.strip().upper() in ("1", "LPS")
        elif key.strip() == "columns":
            columns = [one.strip() for one in value.split(",")]
    points = [
        _fiducial(dict(zip(columns or _guess(cells), cells, strict=False)), flip=flip)
        for cells in csv.reader(line for line in body if line.strip())
    ]
    if not points and "Markups" not in text and "Fiducial" not in text:
        raise FormatError(f"{name} is no list of fiducials")
    one = {"name": _stem(name), "type": "pointset", "points": points}
    return MarkerFile("fcsv", check_sets([one]))


def _guess(cells: Sequence[str]) -> list[str]:
    return _OLD_COLUMNS if len(cells) <= len(_OLD_COLUMNS) else _COLUMNS


def _fiducial(cells: Mapping[str, str], *, flip: bool) -> dict[str, Any]:
    place = [float(cells[axis]) for axis in "xyz"]
    point: dict[str, Any] = {
        "name": cells.get("label") or cells.get("id") or "noname",
        "coords": _ras(place, flip=flip),
        "visible": cells.get("vis", "1").strip() != "0",
    }
    return point | ({"comment": cells["desc"]} if cells.get("desc") else {})


def _mrk(name: str, told: Mapping[str, Any]) -> MarkerFile:
    notes: list[str] = []
    sets = [
        _markup(one, notes, f"{_stem(name)}_{at + 1}" if len(told["markups"]) > 1 else _stem(name))
        for at, one in enumerate(told["markups"])
    ]
    return MarkerFile("mrk", check_sets(sets), notes)


def _markup(one: Mapping[str, Any], notes: list[str], name: str) -> MarkerSet:
    kind = str(one.get("type", "Fiducial"))
    flip = str(one.get("coordinateSystem", "LPS")).upper() in ("LPS", "1")
    unit = one.get("coordinateUnits", "mm")
    scale = _UNITS_MM.get(str(unit[0] if isinstance(unit, list) and unit else unit))
    if scale is None:
        raise FormatError(f"{name} is in units of {unit}", hint="Save it in millimetres.")
    if kind not in _SLICER_TYPES:
        notes.append(f"{name}: {kind} is taken as points")
    made: MarkerSet = {"name": name, "type": _SLICER_TYPES.get(kind, "pointset"), "slicer": kind}
    color = one.get("display", {}).get("selectedColor")
    extra = {"color": _color(color)} if color else {}
    if kind == "ROI" and "center" in one:
        return {**made, "points": [_box(one, name, notes, flip=flip, scale=scale) | extra]}
    points, n_left = [], 0
    for control in one.get("controlPoints", []):
        if control.get("positionStatus", "defined") != "defined":
            n_left += 1
        else:
            points.append(_control(control, flip=flip, scale=scale) | extra)
    if n_left:
        notes.append(f"{name}: {n_left} points without a place were left out")
    closed = {"closed": True} if kind == "ClosedCurve" else {}
    return {**made, **closed, "points": points}


def _control(control: Mapping[str, Any], *, flip: bool, scale: float) -> dict[str, Any]:
    place = [scale * float(x) for x in control["position"]]
    point: dict[str, Any] = {
        "name": str(control.get("label") or control.get("id") or "noname"),
        "coords": _ras(place, flip=flip),
        "visible": bool(control.get("visibility", True)),
    }
    return point | ({"comment": control["description"]} if control.get("description") else {})


def _box(
    one: Mapping[str, Any], name: str, notes: list[str], *, flip: bool, scale: float
) -> dict[str, Any]:
    size = [scale * float(x) for x in one["size"]]
    coords = _ras([scale * float(x) for x in one["center"]], flip=flip)
    made = {"name": name, "coords": coords, "size": [*size, 0]}
    axes = _axes(one.get("orientation", _UPRIGHT), flip=flip)
    if axes is None:
        notes.append(f"{name}: how the box is turned cannot be read")
        return made
    straight = all(abs(abs(axes[at]) - 1) < 1e-6 for at in (0, 4, 8))
    return made if straight else made | {"orientation": axes}


def _axes(told: Any, *, flip: bool) -> list[float] | None:
    """Nine numbers row by row, their columns the axes of a box in RAS+; None: they are none."""
    if not isinstance(told, list) or len(told) != 9:
        return None
    turn = [-float(x) if flip and at < 6 else float(x) for at, x in enumerate(told)]
    columns = [turn[at::3] for at in range(3)]
    wanted = [(a, b, float(a == b)) for a in range(3) for b in range(a, 3)]
    square = all(
        abs(sum(x * y for x, y in zip(columns[a], columns[b], strict=True)) - one) < 2e-3
        for a, b, one in wanted
    )
    return [round(x, 9) + 0.0 for x in turn] if square else None


def _ras(place: Sequence[float], *, flip: bool) -> list[float]:
    x, y, z = place
    return [-x if flip else x, -y if flip else y, z, 1]


def _color(parts: Iterable[float]) -> str:
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, float(p)))):02x}" for p in parts)[:6]


def _stem(name: str) -> str:
    stem = name.rpartition("/")[2]
    for suffix in MARKER_SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem or "markers"
