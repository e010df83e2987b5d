"""PLY surfaces, in text or binary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.formats.polygons import fan, to_ras
from appliance.geometry import Mesh

__all__ = ["ply_mesh"]

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_MAX_CORNERS = 64


@dataclass
class _Element:
    """One table of the file; a list property has the types of its length and of its items."""

    name: str
    count: int
    properties: list[tuple[str, str]] = field(default_factory=list)
    list_types: tuple[str, str] | None = None


def ply_mesh(path: Path) -> Mesh:
    """Read vertices and faces; other properties are left out."""
    data = path.read_bytes()
    mark = data.find(b"end_header")
    if not data.startswith(b"ply") or mark < 0:
        raise FormatError(f"{path.name} is not a PLY file or is cut off within its header")
    header = data[:mark].decode("ascii", "replace")
    body = data[data.index(b"\n", mark) + 1 :]
    order, elements = _parse(header)
    tables = _text_tables(body, elements) if not order else _binary_tables(body, elements, order)
    faces = [triangle for polygon in tables.get("face", []) for triangle in fan(polygon)]
    points = to_ras(np.asarray(tables["vertex"], np.float32), header.encode())
    return Mesh(points, np.array(faces, np.int32).reshape(-1, 3))


def _parse(header: str) -> tuple[str, list[_Element]]:
    order, elements = "", list[_Element]()
    for line in header.splitlines():
        words = line.split()
        if words[:1] == ["format"]:
            order = _ORDERS[words[1]]
        elif words[:1] == ["element"]:
            elements.append(_Element(words[1], int(words[2])))
        elif words[:2] == ["property", "list"]:
            elements[-1].list_types = (_TYPES[words[2]], _TYPES[words[3]])
        elif words[:1] == ["property"]:
            elements[-1].properties.append((words[2], _TYPES[words[1]]))
    return order, elements


def _columns(element: _Element) -> list[int]:
    names = [name for name, _ in element.properties]
    return [names.index(axis) for axis in "xyz"]


def _text_tables(body: bytes, elements: list[_Element]) -> dict[str, Any]:
    lines = iter(body.decode("ascii").splitlines())
    tables: dict[str, Any] = {}
    for element in elements:
        rows = [next(lines, "").split() for _ in range(element.count)]
        if element.name == "vertex":
            tables["vertex"] = [[float(row[i]) for i in _columns(element)] for row in rows]
        elif element.name == "face":
            tables["face"] = [[int(word) for word in row[1 : 1 + int(row[0])]] for row in rows]
    return tables


def _binary_tables(body: bytes, elements: list[_Element], order: str) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    at = 0
    for element in elements:
        if element.list_types:
            tables[element.name], at = _binary_lists(body, at, element, order)
            continue
        dtype = np.dtype([(name, order + kind) for name, kind in element.properties])
        table = np.frombuffer(body, dtype, element.count, at)
        at += table.nbytes
        if element.name == "vertex":
            tables["vertex"] = np.stack([table[axis] for axis in "xyz"], axis=-1)
    return tables


def _binary_lists(
    body: bytes, at: int, element: _Element, order: str
) -> tuple[list[list[int]] | NDArray[Any], int]:
    """Read faces; all of one length at once, mixed ones one after the other."""
    if element.properties or element.list_types is None:
        raise FormatError("faces with further properties are not read", hint="Save it as STL.")
    length, item = (np.dtype(order + kind) for kind in element.list_types)
    first = int(np.frombuffer(body, length, 1, at)[0]) if element.count else 0
    same = np.dtype([("n", length), ("corners", item, (min(first, _MAX_CORNERS),))])
    if at + element.count * same.itemsize <= len(body):
        table = np.frombuffer(body, same, element.count, at)
        if (table["n"] == first).all():
            return table["corners"].tolist(), at + table.nbytes
    polygons = []
    for _ in range(element.count):
        corners = int(np.frombuffer(body, length, 1, at)[0])
        at += length.itemsize
        polygons.append(np.frombuffer(body, item, corners, at).tolist())
        at += corners * item.itemsize
    return polygons, at
