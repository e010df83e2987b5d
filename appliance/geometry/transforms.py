"""Transforms: linear maps from one world to another, in RAS+ millimetres.

A `Transform` named ``source -> target`` takes points of the source world to the target world (it
pushes points). To draw an image of the source world on a grid of the target world one pulls: every
target voxel asks the inverse where to read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from appliance.core import Invalid
from appliance.geometry.affines import Affine, as_affine, invert, voxel_to_world

__all__ = ["Transform"]


@dataclass(frozen=True, eq=False)
class Transform:
    """A linear map between two named worlds.

    Attributes
    ----------
    matrix : ndarray
        (4, 4), takes points of `source` to `target`.
    source, target : str
        Names of the worlds, such as ``"scanner"`` or ``"mni"``.
    """

    matrix: Affine
    source: str = "scanner"
    target: str = "scanner"

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", as_affine(self.matrix))

    @classmethod
    def rotation(cls, axis: int, degrees: float, *, center_mm: ArrayLike = (0, 0, 0)) -> Transform:
        """Turn about a world axis (0 x, 1 y, 2 z) through a centre, right-handed."""
        angle = np.deg2rad(degrees)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.eye(4)
        matrix[first, first] = matrix[second, second] = np.cos(angle)
        matrix[second, first], matrix[first, second] = np.sin(angle), -np.sin(angle)
        center = np.asarray(center_mm, float)
        matrix[:3, 3] = center - matrix[:3, :3] @ center
        return cls(matrix)

    @classmethod
    def translation(cls, shift_mm: ArrayLike) -> Transform:
        """Shift along the world axes."""
        matrix = np.eye(4)
        matrix[:3, 3] = np.asarray(shift_mm, float)
        return cls(matrix)

    def apply(self, xyz: ArrayLike) -> NDArray[np.float64]:
        """Take points (..., 3) of the source world to the target world."""
        return voxel_to_world(self.matrix, xyz)

    def inverse(self) -> Transform:
        """Map the other way."""
        return Transform(invert(self.matrix), source=self.target, target=self.source)

    def then(self, other: Transform) -> Transform:
        """First this, then `other`.

        Raises
        ------
        Invalid
            If `other` does not start in the world where this one ends.
        """
        if other.source != self.target:
            raise Invalid(f"cannot go on from world {self.target!r} with one from {other.source!r}")
        return Transform(other.matrix @ self.matrix, source=self.source, target=other.target)
