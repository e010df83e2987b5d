"""STL and OBJ surfaces."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError
from appliance.geometry import Mesh

__all__ = ["fan", "obj_mesh", "stl_mesh", "to_ras"]

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 84


def stl_mesh(path: Path) -> Mesh:
    """Read a binary or text STL file; equal corners become one vertex."""
    data = path.read_bytes()
    binary = _binary_corners(data)
    corners = _text_corners(data) if binary is None else binary
    if not len(corners):
        raise FormatError(f"{path.name} holds no triangles or is cut off")
    points, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return Mesh(to_ras(points, data[:1024]), index.reshape(-1, 3).astype(np.int32))


def obj_mesh(path: Path) -> Mesh:
    """Read vertices and faces of an OBJ file; polygons are split into triangles."""
    points: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    comments = []
    for line in path.read_text("utf-8", "strict").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            points.append([float(word) for word in words[1:4]])
        elif words[0] == "f":
            faces += fan([_corner(word, len(points)) for word in words[1:]])
        elif words[0].startswith("#"):
            comments.append(line)
    if not points:
        raise FormatError(f"{path.name} holds no vertices")
    mesh = np.array(points, np.float32)
    return Mesh(to_ras(mesh, "\n".join(comments).encode()), np.array(faces, np.int32))


def fan(polygon: list[int]) -> list[tuple[int, int, int]]:
    """Split a polygon into triangles around its first corner."""
    return [(polygon[0], a, b) for a, b in pairwise(polygon[1:])]


def to_ras(points: NDArray[np.float32], header: bytes) -> NDArray[np.float32]:
    """Turn points whose header says that they are LPS."""
    text = header.upper().replace(b" ", b"")
    lps = b"SPACE=LPS" in text or b"SPACE=LEFT-POSTERIOR-SUPERIOR" in text
    signs = np.array((-1, -1, 1) if lps else (1, 1, 1), np.float32)
    turned: NDArray[np.float32] = points.astype(np.float32) * signs
    return turned


def _binary_corners(data: bytes) -> NDArray[np.float32] | None:
    """Corners (N, 3, 3) when the length fits a binary file, None otherwise."""
    if len(data) < _HEADER_BYTES:
        return None
    count = int.from_bytes(data[80:84], "little")
    if len(data) < _HEADER_BYTES + count * _TRIANGLE.itemsize:
        return None
    triangles = np.frombuffer(data, _TRIANGLE, count, _HEADER_BYTES)
    return np.ascontiguousarray(triangles["corners"])


def _text_corners(data: bytes) -> NDArray[np.float32]:
    if data.lstrip()[:5].lower() != b"solid":
        return np.empty((0, 3, 3), np.float32)
    words = data.decode("utf-8").split()
    places = [i for i, word in enumerate(words) if word == "vertex"]
    numbers = np.array([words[i + 1 : i + 4] for i in places], np.float32)
    return numbers.reshape(-1, 3, 3)


def _corner(word: str, count: int) -> int:
    """Read ``7``, ``7/1/3`` or ``-1`` as an index from 0."""
    index = int(word.split("/", maxsplit=1)[0])
    return index - 1 if index > 0 else count + index
