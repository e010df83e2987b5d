"""Orientation codes: which way the three array axes of an image run in the body.

A code has one letter per array axis, naming the side towards which the index grows: ``"RAS"`` is
an image whose i runs to the Right, j to Anterior, k to Superior; ``"LPS"`` is the usual axial
DICOM stack. Three letter pairs in any order and sign give 48 codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from appliance.core import Invalid
from appliance.geometry.affines import Affine, voxel_sizes

__all__ = ["ALL_ORIENTATIONS", "AxisMap", "axis_map", "opposite", "orientation_codes"]

_PAIRS = ("LR", "PA", "IS")
_OPPOSITES = dict(zip("LRPAIS", "RLAPSI", strict=True))

ALL_ORIENTATIONS: tuple[str, ...] = tuple(
    "".join(_PAIRS[axis][sign] for axis, sign in zip(axes, signs, strict=True))
    for axes in permutations(range(3))
    for signs in product((1, 0), repeat=3)
)


@dataclass(frozen=True, slots=True)
class AxisMap:
    """How to turn one array into another orientation: pick axes, then reverse some.

    Attributes
    ----------
    axes : tuple of int
        For every new axis the old axis it is.
    flips : tuple of bool
        For every new axis whether it runs the other way.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def apply(self, data: NDArray[Any]) -> NDArray[Any]:
        """View (I, J, K, ...) data in the new orientation; nothing is copied."""
        turned = data.transpose(*self.axes, *range(3, data.ndim))
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def affine(self, shape: tuple[int, ...]) -> Affine:
        """Matrix that takes new voxel indices to old ones, for an old array of `shape`."""
        matrix = np.zeros((4, 4))
        matrix[3, 3] = 1
        for new, (old, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            matrix[old, new] = -1 if flip else 1
            matrix[old, 3] = shape[old] - 1 if flip else 0
        return matrix


def orientation_codes(affine: ArrayLike) -> str:
    """Tell the orientation code of an affine; an oblique one gets the nearest.

    Parameters
    ----------
    affine : array_like
        (4, 4), voxel -> world RAS+.

    Returns
    -------
    str
        Such as ``"RAS"``; every letter pair occurs once.

    Notes
    -----
    Of the six assignments of array axes to world axes the one with the largest sum of absolute
    cosines is taken, so that sheared and oblique grids never name one side twice.
    """
    matrix = np.asarray(affine, float)[:3, :3]
    cosines = matrix / np.maximum(voxel_sizes(affine), np.finfo(float).tiny)
    best = max(permutations(range(3)), key=lambda axes: _fit(cosines, axes))
    return "".join(_PAIRS[axis][int(cosines[axis, i] >= 0)] for i, axis in enumerate(best))


def axis_map(source: str, target: str) -> AxisMap:
    """Find how data of orientation `source` are brought into orientation `target`.

    Raises
    ------
    Invalid
        If a code is not one of `ALL_ORIENTATIONS`.
    """
    for code in (source, target):
        if code not in ALL_ORIENTATIONS:
            raise Invalid(f"not an orientation code: {code!r}", hint="Use one such as 'RAS'.")
    axes = tuple(_axis_of(source, letter) for letter in target)
    flips = tuple(source[axis] != letter for axis, letter in zip(axes, target, strict=True))
    return AxisMap(axes=axes, flips=flips)  # type: ignore[arg-type]


def opposite(letter: str) -> str:
    """Name the side opposite to a side: R for L, and so on."""
    return _OPPOSITES[letter]


def _fit(cosines: NDArray[np.float64], axes: tuple[int, ...]) -> float:
    return float(sum(abs(cosines[axis, i]) for i, axis in enumerate(axes)))


def _axis_of(code: str, letter: str) -> int:
    return next(i for i, other in enumerate(code) if other in (letter, opposite(letter)))
