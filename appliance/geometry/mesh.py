"""Mesh: a surface of triangles in the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid

__all__ = ["Mesh"]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles.

    Attributes
    ----------
    vertices : ndarray
        (N, 3) float32, world RAS+ mm.
    faces : ndarray
        (M, 3) int32, indices of vertices; may be empty for a cloud of points.
    values : mapping of str to ndarray
        One number or more per vertex, (N,) or (N, C): curvature, labels, statistics.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        vertices = np.ascontiguousarray(self.vertices, np.float32)
        faces = np.ascontiguousarray(self.faces, np.int32).reshape(-1, 3)
        if vertices.ndim != 2 or vertices.shape[1] != 3:
            raise Invalid(f"vertices are rows of three numbers, not {vertices.shape}")
        if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise Invalid("a face names a vertex that does not exist")
        if any(len(value) != len(vertices) for value in self.values.values()):
            raise Invalid("values do not fit the number of vertices")
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "faces", faces)

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return len(self.vertices)

    @property
    def n_faces(self) -> int:
        """Number of triangles."""
        return len(self.faces)

    def area_mm2(self) -> float:
        """Area of all triangles."""
        a, b, c = (self.vertices[self.faces[:, i]].astype(float) for i in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
