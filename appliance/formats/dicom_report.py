"""Structured reports as a tree to work with and as lines to read.

Persons are left out wherever they are coded as such; texts are handed to `clean` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["report_lines", "report_tree"]

Tree = dict[str, Any]
_MOST_DEPTH = 40
_LEFT_OUT = frozenset({"PNAME", "UIDREF"})
_DATES = frozenset({"DATE", "DATETIME", "TIME"})
_REFERENCES = frozenset({"IMAGE", "COMPOSITE", "WAVEFORM"})


def report_tree(ds: Any, clean: Callable[[str], str], *, dates: bool = True) -> Tree:
    """Give the content of a report.

    Parameters
    ----------
    ds : pydicom.Dataset
        The report, or one of its items.
    clean : callable
        Takes identities out of a text.
    dates : bool
        Whether dates are kept.

    Returns
    -------
    dict
        ``name``, ``type``, ``value``, ``unit`` and ``items``, those that there are.
    """
    return _node(ds, clean, dates=dates, depth=0)


def _node(ds: Any, clean: Callable[[str], str], *, dates: bool, depth: int) -> Tree:
    kind = str(ds.get("ValueType", ""))
    found: Tree = {"name": clean(_meaning(ds, "ConceptNameCodeSequence")), "type": kind}
    if kind not in _LEFT_OUT and (dates or kind not in _DATES):
        found |= _value(ds, kind, clean)
    if depth < _MOST_DEPTH:
        items = [
            _node(item, clean, dates=dates, depth=depth + 1)
            for item in ds.get("ContentSequence") or ()
        ]
        found["items"] = [item for item in items if len(item) > 2]
    return {key: value for key, value in found.items() if value not in ("", [], None)}


def _value(ds: Any, kind: str, clean: Callable[[str], str]) -> Tree:
    if kind == "NUM":
        measured = (ds.get("MeasuredValueSequence") or [{}])[0]
        unit = (measured.get("MeasurementUnitsCodeSequence") or [{}])[0].get("CodeValue", "")
        return {"value": _number(measured.get("NumericValue")), "unit": str(unit)}
    if kind == "CODE":
        return {"value": clean(_meaning(ds, "ConceptCodeSequence"))}
    if kind == "TEXT":
        return {"value": clean(str(ds.get("TextValue", "")))}
    if kind in _DATES:
        name = {"DATE": "Date", "TIME": "Time", "DATETIME": "DateTime"}[kind]
        return {"value": str(ds.get(name, ""))}
    if kind in {"SCOORD", "SCOORD3D"}:
        points = [float(x) for x in ds.get("GraphicData") or ()]
        return {"value": points, "unit": str(ds.get("GraphicType", ""))}
    if kind in _REFERENCES:
        return {"value": "an object"}
    return {}


def _number(value: Any) -> float | None:
    parts = value if isinstance(value, list) else [value]
    return None if not parts or parts[0] is None or parts[0] == "" else float(parts[0])


def _meaning(ds: Any, name: str) -> str:
    codes = ds.get(name)
    return str(codes[0].get("CodeMeaning", "")) if codes else ""


def report_lines(tree: Tree, depth: int = 0) -> Iterator[str]:
    """Give a report as indented lines."""
    value = tree.get("value", "")
    if isinstance(value, float):
        value = f"{value:g}"
    text = " ".join(str(part) for part in (value, tree.get("unit", "")) if part != "")
    name = tree.get("name", "")
    told = f"{name}: {text}" if name and text else name or text
    if told:
        yield f"{'  ' * depth}{told}"
    for item in tree.get("items", ()):
        yield from report_lines(item, depth + bool(told))
